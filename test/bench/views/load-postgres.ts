import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { foldStatus } from "@posthorn/core"
import { EventAcceptedSchema } from "@posthorn/proto"
import { createPostgresStore } from "@posthorn/store/postgres"
import pg from "pg"
import { ERROR_CLASSES, EVENT_TYPES, STATUS_CODES, type Population, type Volume } from "./population.ts"

const HOUR_MS = 3_600_000
/** Deliveries of one statement. */
const STEP = 100_000

/** Fills the status views by SQL: events with two deliveries each, their attempts and dead letters, evenly over the hours before `untilMs`. */
export async function loadPostgres(url: string, population: Population, volume: Volume): Promise<void> {
  await makeDays(url, volume)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query("set synchronous_commit to off")
    await client.query("create temporary table targets (place integer primary key, subscription_id text, application_id text)")
    await client.query(
      "insert into targets select ordinality - 1, s, a from unnest($1::text[], $2::text[]) with ordinality t (s, a, ordinality)",
      [population.subscriptions, population.owners],
    )
    await client.query(functions(population, volume))
    for (let from = 0; from < volume.deliveries; from += STEP) {
      const range = [from, Math.min(from + STEP, volume.deliveries)]
      for (const text of [EVENTS, DELIVERIES, ATTEMPTS, DEAD_LETTERS]) await client.query(text, range)
    }
    await client.query("vacuum analyze")
  } finally {
    await client.end()
  }
}

/** The store makes the tables of a day when it has a row for it. */
async function makeDays(url: string, { untilMs, statusHours }: Volume): Promise<void> {
  const store = createPostgresStore({ url })
  for (let hours = 0; hours <= statusHours + 24; hours += 24) {
    const acceptedAt = timestampFromMs(untilMs - (statusHours - hours) * HOUR_MS)
    const message = create(EventAcceptedSchema, { eventId: "evt_day", applicationId: "app_day", type: "day", acceptedAt })
    await store.project({ ranges: [], rows: foldStatus([{ topic: "events", partition: 0, offset: 0, message }], []) })
  }
  await store.close()
}

/** What a delivery is follows from its number alone, so that every table has the same one. An event's id holds its time, as those that gateways make do. */
function functions({ subscriptions, ofFirst }: Population, { untilMs, statusHours, deliveries }: Volume): string {
  const sinceMs = untilMs - statusHours * HOUR_MS
  const msEach = (statusHours * HOUR_MS) / deliveries
  const digit = (place: number): string => `substr('0123456789abcdefghjkmnpqrstvwxyz', ((ms >> ${45 - 5 * place}) & 31)::integer + 1, 1)`
  const words = (list: readonly (string | number)[]): string => `array[${list.map((each) => `'${each}'`).join(", ")}]`
  return `
    create function pg_temp.share(n bigint, salt bigint) returns double precision language sql immutable return
      (hashint8extended(n, salt) & 4294967295) / 4294967296.0;
    create function pg_temp.event_ms(e bigint) returns bigint language sql immutable return
      (${sinceMs} + e * 2 * ${msEach})::bigint;
    create function pg_temp.event_id(e bigint, ms bigint) returns text language sql immutable return
      'evt_' || ${Array.from({ length: 10 }, (_, place) => digit(place)).join(" || ")} || 'e' || left(md5('event' || e), 15);
    create function pg_temp.place(n bigint) returns integer language sql immutable return
      case when n / 2 % 2 = 0 then floor(${ofFirst} * power(pg_temp.share(n, 1), 3))
        else ${ofFirst} + floor(${subscriptions.length - ofFirst} * power(pg_temp.share(n, 1), 3)) end;
    create function pg_temp.event_type(e bigint) returns text language sql immutable return
      (${words(EVENT_TYPES)})[case when e % 10000 = 0 then ${EVENT_TYPES.length} else 1 + floor(${EVENT_TYPES.length - 1} * power(pg_temp.share(e, 2), 2)) end];
    create function pg_temp.drawn(first bigint, next bigint) returns table (
      n bigint, id text, event_id text, event_type text, application_id text, subscription_id text, at timestamptz,
      state text, attempts integer, status_code integer, error_class text)
    language sql stable begin atomic
      select n, 'dlv_' || (n & 7) || left(md5('delivery' || n), 25), pg_temp.event_id(e, ms), pg_temp.event_type(e), application_id, subscription_id,
        to_timestamp(ms / 1000.0),
        case when fate < 97 then 'delivered' when fate < 98 then 'dead' else 'retrying' end,
        case when fate < 97 then case when twice then 2 else 1 end when fate < 98 then 5 else 3 end,
        case when fate < 97 then case when place % 20 = 0 then 204 else 200 end when trouble = 1 then (${words(STATUS_CODES)})[1 + n % ${STATUS_CODES.length}]::integer else 0 end,
        case when fate < 97 then 'unspecified' else (${words(ERROR_CLASSES)})[trouble] end
      from (
        select n, n / 2 as e, pg_temp.place(n) as place, pg_temp.event_ms(n / 2) as ms, floor(pg_temp.share(n, 3) * 100) as fate,
          1 + floor(pg_temp.share(n, 4) * ${ERROR_CLASSES.length})::integer as trouble, n % 20 = 0 as twice
        from generate_series(first, next - 1) n) numbers
      join targets using (place);
    end`
}

const EVENTS = `
  insert into posthorn.events (
    id, application_id, type, content_type, size_bytes, payload, metadata, idempotency_key, only_subscription_id, created_at)
  select event_id, application_id, event_type, 'application/json', 200, decode(repeat(md5(event_id), 6), 'hex') || '00000000', '{}', '', '', at
  from pg_temp.drawn($1, $2) where n % 2 = 0`

const DELIVERIES = `
  insert into posthorn.deliveries (
    id, application_id, event_id, subscription_id, event_type, state, attempt_count, last_status_code, last_error,
    last_error_class, reason, created_at, next_attempt_at, finished_at, sequence)
  select id, application_id, event_id, subscription_id, event_type, state, attempts, status_code, '', error_class,
    case state when 'dead' then 'exhausted' else '' end, at, case state when 'retrying' then at + interval '1 hour' end,
    case state when 'retrying' then null else at + interval '100 ms' end, attempts
  from pg_temp.drawn($1, $2)`

const ATTEMPTS = `
  insert into posthorn.attempts (
    id, application_id, subscription_id, delivery_id, delivery_created_at, round, number, outcome, error_class, status_code, error,
    scheduled_at, started_at, finished_at, duration_ms, request_method, request_url, request_headers, response_headers, response_body, response_truncated)
  select 'att_' || substr(id, 5) || '_' || number, application_id, subscription_id, id, at, 1, number,
    case when number = attempts and state = 'delivered' then 'delivered' else 'failed' end, error_class, status_code, error_class,
    at, at, at + interval '100 ms', 100, 'POST', 'https://endpoint.example/hooks', '{"content-type": "application/json"}', '{}', 'ok', false
  from pg_temp.drawn($1, $2), generate_series(1, attempts) number`

const DEAD_LETTERS = `
  insert into posthorn.dead_letters (
    identity, partition, log_offset, delivery_id, application_id, event_id, subscription_id, event_type, reason, error, error_class, status_code,
    attempt_count, created_at, round)
  select id || '/1', 0, n, id, application_id, event_id, subscription_id, event_type, 'exhausted', '', error_class, status_code, attempts, at, 1
  from pg_temp.drawn($1, $2) where state = 'dead'`
