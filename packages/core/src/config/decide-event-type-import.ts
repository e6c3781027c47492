import { create, equals, fromJson } from "@bufbuild/protobuf"
import { ValueSchema } from "@bufbuild/protobuf/wkt"
import { EventTypeSchema, EventTypeVersionSchema, type ConfigChanged, type EventTypeVersion } from "@posthorn/proto"
import type { Webhook } from "../event/schema-import.ts"
import { isRefusal, type Refusal } from "../refusal.ts"
import type { ChangeContext } from "./change.ts"
import type { ConfigTable } from "./config-table.ts"
import { decideCreateEventType, decideUpdateEventType } from "./decide-event-type.ts"
import { eventTypeIdOf, eventTypeOf } from "./event-type-definition.ts"

export interface ImportEventType {
  readonly applicationId: string
  /** Its schema is known to be usable. */
  readonly webhook: Webhook
}

export interface DecidedImport {
  readonly result: "created" | "updated" | "unchanged"
  /** The newest afterwards; 0 = none. */
  readonly version: number
  /** `undefined` = nothing has to change. */
  readonly change: ConfigChanged | undefined
}

/**
 * Makes an event type say what the document says of its webhook. A schema that differs becomes a further version, so that events may still
 * name the one before; a document without a schema takes none away.
 */
export function decideImportEventType(table: ConfigTable, command: ImportEventType, context: ChangeContext): DecidedImport | Refusal {
  const { applicationId, webhook } = command
  const { name, description, deprecated } = webhook
  const entity = table.eventType(eventTypeIdOf(applicationId, name))
  const before = entity && eventTypeOf(entity)
  const versions = versionsAfter(before?.versions ?? [], webhook)
  const version = versions.at(-1)?.version ?? 0
  if (before?.description === description && before.deprecated === deprecated && same(before.versions, versions))
    return { result: "unchanged", version, change: undefined }
  const eventType = create(EventTypeSchema, { name, description, deprecated, versions: [...versions] })
  const paths = ["description", "deprecated", "versions"]
  const change = before
    ? decideUpdateEventType(table, { applicationId, name, eventType, paths }, context)
    : decideCreateEventType(table, { applicationId, eventType }, context)
  return isRefusal(change) ? change : { result: before ? "updated" : "created", version, change }
}

function versionsAfter(before: readonly EventTypeVersion[], { schema, example }: Webhook): readonly EventTypeVersion[] {
  const said = {
    ...(schema === undefined ? {} : { schema }),
    ...(example === undefined ? {} : { example: fromJson(ValueSchema, example) }),
  }
  if (schema === undefined && example === undefined) return before
  const newest = before.at(-1)
  if (newest === undefined) return [create(EventTypeVersionSchema, { version: 1, ...said })]
  const updated = create(EventTypeVersionSchema, { ...newest, ...said })
  const { version } = newest
  const fits = schema === undefined || same([schemaAlone(newest)], [schemaAlone(updated)])
  return fits ? [...before.slice(0, -1), updated] : [...before, create(EventTypeVersionSchema, { version: version + 1, ...said })]
}

const schemaAlone = ({ schema }: EventTypeVersion): EventTypeVersion =>
  create(EventTypeVersionSchema, schema === undefined ? {} : { schema })

const same = (some: readonly EventTypeVersion[], others: readonly EventTypeVersion[]): boolean =>
  some.length === others.length &&
  some.every((version, at) => equals(EventTypeVersionSchema, version, others[at] ?? create(EventTypeVersionSchema)))
