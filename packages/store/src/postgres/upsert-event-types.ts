import { toJson } from "@bufbuild/protobuf"
import { eventTypeOf, type EventTypeEntity } from "@posthorn/core"
import { EventTypeVersionSchema } from "@posthorn/proto"
import { bigintColumn, booleanColumn, jsonColumn, textColumn, timeColumn } from "./column.ts"
import type { Statement } from "./database.ts"

const UPSERT = `
  insert into posthorn.event_types as held (application_id, name, description, versions, deprecated, created_at, updated_at, version)
  select application_id, name, description, versions::jsonb, deprecated, created_at, updated_at, version
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::timestamptz[], $7::timestamptz[], $8::bigint[])
  as row (application_id, name, description, versions, deprecated, created_at, updated_at, version)
  on conflict (application_id, name) do update set
    description = excluded.description, versions = excluded.versions, deprecated = excluded.deprecated,
    created_at = excluded.created_at, updated_at = excluded.updated_at, version = excluded.version
  where excluded.version > held.version`

export function upsertEventTypes(entities: readonly EventTypeEntity[]): Statement | undefined {
  if (entities.length === 0) return undefined
  const eventTypes = entities.map(eventTypeOf)
  return {
    name: "event-types-upsert",
    text: UPSERT,
    values: [
      textColumn(eventTypes.map(({ applicationId }) => applicationId)),
      textColumn(eventTypes.map(({ name }) => name)),
      textColumn(eventTypes.map(({ description }) => description)),
      jsonColumn(eventTypes.map(({ versions }) => versions.map((version) => toJson(EventTypeVersionSchema, version)))),
      booleanColumn(eventTypes.map(({ deprecated }) => deprecated)),
      timeColumn(eventTypes.map(({ createdAt }) => createdAt)),
      timeColumn(eventTypes.map(({ updatedAt }) => updatedAt)),
      bigintColumn(entities.map(({ version }) => version)),
    ],
  }
}
