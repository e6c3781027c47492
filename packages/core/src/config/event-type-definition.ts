import { fromBinary, toBinary } from "@bufbuild/protobuf"
import { EventTypeSchema, type EventType } from "@posthorn/proto"
import type { EventTypeEntity } from "./entities.ts"

/** Names are unique within an application, and hold no slash. */
export const eventTypeIdOf = (applicationId: string, name: string): string => `${applicationId}/${name}`

/** An event type as the table keeps it: schemas are large and seldom read, so they stay bytes. */
export function eventTypeEntity(eventType: EventType, version: number): EventTypeEntity {
  const { applicationId, name } = eventType
  return { kind: "event type", version, applicationId, name, definition: toBinary(EventTypeSchema, eventType) }
}

/** The caller's own copy. */
export const eventTypeOf = ({ definition }: EventTypeEntity): EventType => fromBinary(EventTypeSchema, definition)
