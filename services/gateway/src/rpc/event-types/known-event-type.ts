import { eventTypeIdOf, eventTypeOf, noSuch, plainEventType, type ConfigTable, type Refusal } from "@posthorn/core"
import type { EventType } from "@posthorn/proto"

/** An event type as the application has defined it, or as it is predefined. */
export function knownEventType(table: ConfigTable, applicationId: string, name: string): EventType | Refusal {
  const entity = table.eventType(eventTypeIdOf(applicationId, name))
  return entity === undefined ? (plainEventType(applicationId, name) ?? noSuch("event type")) : eventTypeOf(entity)
}
