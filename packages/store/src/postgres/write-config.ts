import type { ApplicationEntity, KeyEntity, StatusRows, SubscriptionEntity } from "@posthorn/core"
import type { Source } from "@posthorn/proto"
import { bigintColumn, booleanColumn, integerColumn, jsonColumn, textColumn, timeColumn } from "./column.ts"
import type { Statement } from "./database.ts"
import { bodyStyles, hmacAlgorithms, payloadValidations, roles, signatureEncodings, signatureStyles, sourceSchemes } from "./enum-words.ts"
import { upsertEventTypes } from "./upsert-event-types.ts"
import { upsertTasks } from "./upsert-tasks.ts"

/** The statements that carry changes of the configuration out, in the order in which they have to run. */
export function configStatements({ removed, put }: StatusRows["config"]): readonly (Statement | undefined)[] {
  return [
    removed.length === 0 ? undefined : { name: "config-remove", text: REMOVE, values: [textColumn(removed)] },
    upsertApplications(put.filter((entity) => entity.kind === "application")),
    upsertSubscriptions(put.filter((entity) => entity.kind === "subscription")),
    upsertKeys(put.filter((entity) => entity.kind === "key")),
    upsertTasks(put.filter((entity) => entity.kind === "task")),
    upsertEventTypes(put.filter((entity) => entity.kind === "event type")),
  ]
}

/** An application takes what it owns with it. */
const REMOVE = `
  with applications as (delete from posthorn.applications where id = any($1::text[])),
  subscriptions as (delete from posthorn.subscriptions where id = any($1::text[]) or application_id = any($1::text[])),
  tasks as (delete from posthorn.tasks where id = any($1::text[]) or application_id = any($1::text[])),
  event_types as (
    delete from posthorn.event_types type using unnest($1::text[]) as gone (id)
    where type.application_id = split_part(gone.id, '/', 1) and (type.name = split_part(gone.id, '/', 2) or gone.id = type.application_id))
  delete from posthorn.api_keys where id = any($1::text[]) or application_id = any($1::text[])`

const UPSERT_APPLICATIONS = `
  insert into posthorn.applications as held (id, name, metadata, payload_validation, retention_hours, created_at, updated_at, version)
  select id, name, metadata::jsonb, payload_validation, retention_hours, created_at, updated_at, version
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::timestamptz[], $7::timestamptz[], $8::bigint[])
  as row (id, name, metadata, payload_validation, retention_hours, created_at, updated_at, version)
  on conflict (id) do update set
    name = excluded.name, metadata = excluded.metadata, payload_validation = excluded.payload_validation, retention_hours = excluded.retention_hours,
    created_at = excluded.created_at, updated_at = excluded.updated_at, version = excluded.version
  where excluded.version > held.version`

function upsertApplications(entities: readonly ApplicationEntity[]): Statement | undefined {
  if (entities.length === 0) return undefined
  const applications = entities.map(({ application }) => application)
  return {
    name: "applications-upsert",
    text: UPSERT_APPLICATIONS,
    values: [
      textColumn(applications.map(({ id }) => id)),
      textColumn(applications.map(({ name }) => name)),
      jsonColumn(applications.map(({ metadata }) => metadata)),
      textColumn(applications.map(({ payloadValidation }) => payloadValidations.word(payloadValidation))),
      integerColumn(applications.map(({ retentionHours }) => retentionHours)),
      timeColumn(applications.map(({ createdAt }) => createdAt)),
      timeColumn(applications.map(({ updatedAt }) => updatedAt)),
      bigintColumn(entities.map(({ version }) => version)),
    ],
  }
}

const UPSERT_SUBSCRIPTIONS = `
  insert into posthorn.subscriptions as held (
    id, application_id, url, method, header_names, event_types, enabled, disabled_reason, signature_style, body_style, source_scheme, retry_policy,
    timeout_ms, rate_limit_count, rate_limit_period_seconds, rate_limit_burst, concurrency, metadata, description, signed, paused, filter, source,
    created_at, updated_at, version)
  select
    id, application_id, url, method, array(select jsonb_array_elements_text(header_names::jsonb)), array(select jsonb_array_elements_text(event_types::jsonb)),
    enabled, disabled_reason, signature_style, body_style, source_scheme, retry_policy::jsonb,
    timeout_ms, rate_limit_count, rate_limit_period_seconds, rate_limit_burst, concurrency, metadata::jsonb, description, signed, paused,
    filter::jsonb, source::jsonb, created_at, updated_at, version
  from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
    $13::integer[], $14::integer[], $15::integer[], $16::integer[], $17::integer[], $18::text[], $19::text[], $20::boolean[], $21::boolean[],
    $22::text[], $23::text[], $24::timestamptz[], $25::timestamptz[], $26::bigint[])
  as row (
    id, application_id, url, method, header_names, event_types, enabled, disabled_reason, signature_style, body_style, source_scheme, retry_policy,
    timeout_ms, rate_limit_count, rate_limit_period_seconds, rate_limit_burst, concurrency, metadata, description, signed, paused, filter, source,
    created_at, updated_at, version)
  on conflict (id) do update set
    url = excluded.url, method = excluded.method, header_names = excluded.header_names, event_types = excluded.event_types,
    enabled = excluded.enabled, disabled_reason = excluded.disabled_reason, signature_style = excluded.signature_style, body_style = excluded.body_style,
    source_scheme = excluded.source_scheme, retry_policy = excluded.retry_policy, timeout_ms = excluded.timeout_ms,
    rate_limit_count = excluded.rate_limit_count, rate_limit_period_seconds = excluded.rate_limit_period_seconds,
    rate_limit_burst = excluded.rate_limit_burst, concurrency = excluded.concurrency,
    metadata = excluded.metadata, description = excluded.description, signed = excluded.signed, paused = excluded.paused,
    filter = excluded.filter, source = excluded.source,
    created_at = excluded.created_at, updated_at = excluded.updated_at, version = excluded.version
  where excluded.version > held.version`

/** Secrets stay out, and so do the values of headers, which may hold some. */
function upsertSubscriptions(entities: readonly SubscriptionEntity[]): Statement | undefined {
  if (entities.length === 0) return undefined
  const subscriptions = entities.map(({ subscription }) => subscription)
  const policies = subscriptions.map(({ retryPolicy }) => retryPolicy)
  return {
    name: "subscriptions-upsert",
    text: UPSERT_SUBSCRIPTIONS,
    values: [
      textColumn(subscriptions.map(({ id }) => id)),
      textColumn(subscriptions.map(({ applicationId }) => applicationId)),
      textColumn(subscriptions.map(({ url }) => url)),
      textColumn(subscriptions.map(({ method }) => method)),
      jsonColumn(subscriptions.map(({ headers }) => Object.keys(headers).toSorted())),
      jsonColumn(subscriptions.map(({ eventTypes }) => eventTypes)),
      booleanColumn(subscriptions.map(({ enabled }) => enabled ?? true)),
      textColumn(subscriptions.map(({ disabledReason }) => disabledReason)),
      textColumn(subscriptions.map(({ signatureStyle }) => signatureStyles.word(signatureStyle))),
      textColumn(subscriptions.map(({ bodyStyle }) => bodyStyles.word(bodyStyle))),
      textColumn(subscriptions.map(({ source }) => sourceSchemes.word(source?.scheme ?? 0))),
      jsonColumn(
        policies.map(
          (policy) =>
            policy && { delaysSeconds: policy.delaysSeconds, retryCount: policy.retryCount, retryDelaySeconds: policy.retryDelaySeconds },
        ),
      ),
      integerColumn(subscriptions.map(({ timeoutMs }) => timeoutMs)),
      integerColumn(subscriptions.map(({ rateLimit }) => rateLimit?.count)),
      integerColumn(subscriptions.map(({ rateLimit }) => rateLimit?.periodSeconds)),
      integerColumn(subscriptions.map(({ rateLimit }) => rateLimit?.burst)),
      integerColumn(subscriptions.map(({ concurrency }) => concurrency)),
      jsonColumn(subscriptions.map(({ metadata }) => metadata)),
      textColumn(subscriptions.map(({ description }) => description)),
      booleanColumn(entities.map(({ secrets }) => secrets.length > 0)),
      booleanColumn(subscriptions.map(({ paused }) => paused)),
      jsonColumn(subscriptions.map(({ filter }) => filter)),
      jsonColumn(subscriptions.map(({ source }) => source && settingsOf(source))),
      timeColumn(subscriptions.map(({ createdAt }) => createdAt)),
      timeColumn(subscriptions.map(({ updatedAt }) => updatedAt)),
      bigintColumn(entities.map(({ version }) => version)),
    ],
  }
}

const settingsOf = ({ eventTypeHeader, defaultEventType, signatureHeader, algorithm, encoding, prefix }: Source) => ({
  eventTypeHeader,
  defaultEventType,
  signatureHeader,
  algorithm: hmacAlgorithms.word(algorithm),
  encoding: signatureEncodings.word(encoding),
  prefix,
})

/** When a key was last used does not come from the log, see `KeyUses`. */
const UPSERT_KEYS = `
  insert into posthorn.api_keys as held (id, application_id, name, role, last_four, created_at, expires_at, revoked_at, version)
  select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[], $9::bigint[])
  on conflict (id) do update set
    name = excluded.name, role = excluded.role, expires_at = excluded.expires_at,
    revoked_at = excluded.revoked_at, version = excluded.version
  where excluded.version > held.version`

function upsertKeys(entities: readonly KeyEntity[]): Statement | undefined {
  if (entities.length === 0) return undefined
  const keys = entities.map(({ key }) => key)
  return {
    name: "api-keys-upsert",
    text: UPSERT_KEYS,
    values: [
      textColumn(keys.map(({ id }) => id)),
      textColumn(keys.map(({ applicationId }) => applicationId)),
      textColumn(keys.map(({ name }) => name)),
      textColumn(keys.map(({ role }) => roles.word(role))),
      textColumn(keys.map(({ lastFour }) => lastFour)),
      timeColumn(keys.map(({ createdAt }) => createdAt)),
      timeColumn(keys.map(({ expiresAt }) => expiresAt)),
      timeColumn(keys.map(({ revokedAt }) => revokedAt)),
      bigintColumn(entities.map(({ version }) => version)),
    ],
  }
}
