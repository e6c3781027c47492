import { create } from "@bufbuild/protobuf"
import { EventTypeSchema, type EventType } from "@posthorn/proto"

/** Names that every application has without defining them. */
const PREDEFINED: ReadonlyMap<string, string> = new Map([
  ["alert.triggered", "An alert was triggered."],
  ["data.created", "Something was created."],
  ["data.deleted", "Something was deleted."],
  ["data.updated", "Something was updated."],
  ["health.check", "A health check had a result."],
  ["metric.threshold", "A metric went over or under a threshold."],
  ["process.completed", "A process was completed."],
  ["process.failed", "A process failed."],
  ["process.started", "A process was started."],
  ["system.error", "A system had an error."],
  ["system.shutdown", "A system shuts down."],
  ["system.startup", "A system has started."],
])

export const PREDEFINED_EVENT_TYPES: readonly string[] = [...PREDEFINED.keys()]

export const isPredefined = (name: string): boolean => PREDEFINED.has(name)

/** A predefined event type that the application has not defined; `undefined` = there is none of this name. */
export function plainEventType(applicationId: string, name: string): EventType | undefined {
  const description = PREDEFINED.get(name)
  return description === undefined ? undefined : create(EventTypeSchema, { applicationId, name, description, predefined: true })
}
