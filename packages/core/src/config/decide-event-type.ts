import { clone, create, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { EventTypeSchema, EventTypeStateSchema, type ConfigChanged, type EventType } from "@posthorn/proto"
import * as limits from "../limits.ts"
import { isRefusal, refuse, type Refusal, type Violation } from "../refusal.ts"
import { applyMask } from "./apply-mask.ts"
import { changed, etagOf, judgeEtag, noSuch, superseded, type ChangeContext } from "./change.ts"
import type { ConfigTable } from "./config-table.ts"
import { deleted } from "./deleted.ts"
import { eventTypeIdOf, eventTypeOf } from "./event-type-definition.ts"
import { isPredefined, plainEventType } from "./predefined-event-types.ts"

/** Fields that the server sets. */
const SERVER_FIELDS = ["application_id", "name", "predefined", "created_at", "updated_at", "etag"]

export interface CreateEventType {
  readonly applicationId: string
  /** Its schemas are known to be usable. */
  readonly eventType: EventType
}

export function decideCreateEventType(table: ConfigTable, command: CreateEventType, context: ChangeContext): ConfigChanged | Refusal {
  const { applicationId } = command
  if (table.application(applicationId) === undefined) return noSuch("application")
  const eventType = clone(EventTypeSchema, command.eventType)
  if (table.eventType(eventTypeIdOf(applicationId, eventType.name)) !== undefined)
    return refuse("already_exists", "There is an event type of this name already.")
  eventType.applicationId = applicationId
  eventType.createdAt = timestampFromMs(context.nowMs)
  return judged({ table, eventType, version: 0 }, context)
}

export interface UpdateEventType {
  readonly applicationId: string
  readonly name: string
  /** Its schemas are known to be usable. */
  readonly eventType: EventType
  /** As in `applyMask`. */
  readonly paths: readonly string[]
}

/** A predefined name in its plain form becomes the application's own by being changed. */
export function decideUpdateEventType(table: ConfigTable, command: UpdateEventType, context: ChangeContext): ConfigChanged | Refusal {
  const { applicationId, name, eventType: wanted, paths } = command
  if (table.application(applicationId) === undefined) return noSuch("application")
  const entity = table.eventType(eventTypeIdOf(applicationId, name))
  const current = entity === undefined ? plainEventType(applicationId, name) : eventTypeOf(entity)
  if (current === undefined) return noSuch("event type")
  const stale = entity === undefined ? wanted.etag !== "" && superseded("event type") : judgeEtag(entity, wanted.etag)
  if (stale) return stale
  const eventType = applyMask({ schema: EventTypeSchema, current, wanted, paths, serverFields: SERVER_FIELDS })
  if (isRefusal(eventType)) return eventType
  eventType.createdAt ??= timestampFromMs(context.nowMs)
  return judged({ table, eventType, version: entity?.version ?? 0 }, context)
}

export interface DeleteEventType {
  readonly applicationId: string
  readonly name: string
  /** Empty = whatever it is. */
  readonly etag: string
}

export function decideDeleteEventType(table: ConfigTable, command: DeleteEventType, context: ChangeContext): ConfigChanged | Refusal {
  const { applicationId, name, etag } = command
  const entity = table.eventType(eventTypeIdOf(applicationId, name))
  if (entity !== undefined) return judgeEtag(entity, etag) ?? changed(deleted(entity), context)
  if (table.application(applicationId) === undefined || !isPredefined(name)) return noSuch("event type")
  return refuse("failed_precondition", "The event type is predefined, and the application has not defined it: there is nothing to delete.")
}

interface Draft {
  readonly table: ConfigTable
  readonly eventType: EventType
  /** Before the change. */
  readonly version: number
}

function judged({ table, eventType, version }: Draft, context: ChangeContext): ConfigChanged | Refusal {
  const { applicationId, name } = eventType
  const details = violationsOf(eventType)
  if (details.length > 0) return refuse("invalid_argument", "The event type has fields that cannot be accepted.", { details })
  eventType.versions.sort((a, b) => a.version - b.version)
  eventType.predefined = isPredefined(name)
  eventType.updatedAt = timestampFromMs(context.nowMs)
  eventType.etag = etagOf(version + 1)
  const state = { case: "eventType", value: create(EventTypeStateSchema, { eventType }) } as const
  return roomFor(table, eventType) ?? changed({ entityId: eventTypeIdOf(applicationId, name), version, state }, context)
}

function violationsOf({ versions }: EventType): Violation[] {
  const numbers = versions.map(({ version }) => version)
  return numbers.flatMap((version, at) =>
    numbers.indexOf(version) === at ? [] : [{ field: `event_type.versions[${at}].version`, reason: "is there twice" }],
  )
}

/** Every service keeps all event types in memory. */
function roomFor(table: ConfigTable, eventType: EventType): Refusal | undefined {
  const bytes = toBinary(EventTypeSchema, eventType).length
  if (bytes > limits.EVENT_TYPE_BYTES_MAX) {
    const reason = `must be smaller: all of it may have ${limits.EVENT_TYPE_BYTES_MAX} bytes, has ${bytes}`
    return refuse("invalid_argument", "The event type is too large.", { details: [{ field: "event_type.versions", reason }] })
  }
  const id = eventTypeIdOf(eventType.applicationId, eventType.name)
  const others = [...table.eventTypesOf(eventType.applicationId)].filter((each) => each !== id)
  const taken = others.reduce((sum, each) => sum + (table.eventType(each)?.definition.length ?? 0), 0)
  if (others.length >= limits.EVENT_TYPES_MAX)
    return refuse("resource_exhausted", `An application has at most ${limits.EVENT_TYPES_MAX} event types.`)
  if (taken + bytes > limits.EVENT_TYPES_BYTES_MAX)
    return refuse("resource_exhausted", `The event types of an application have at most ${limits.EVENT_TYPES_BYTES_MAX} bytes together.`)
  return undefined
}
