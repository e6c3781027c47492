import { createClickHouseAnalytics } from "@posthorn/analytics/clickhouse"
import { ERROR_CLASSES, EVENT_TYPES, STATUS_CODES, type Population, type Volume } from "./population.ts"

const HOUR_MS = 3_600_000
/** Attempts of one statement. */
const STEP = 250_000

/** Fills analytics by SQL: attempts evenly over the hours before `untilMs`, and an event for every two. What is made of them is made by the tables' own views. */
export async function loadClickHouse(url: string, population: Population, volume: Volume): Promise<void> {
  const store = createClickHouseAnalytics({ url, retentionDays: 90 })
  await store.ping()
  await store.close()
  for (let from = 0; from < volume.attempts; from += STEP) {
    const count = Math.min(STEP, volume.attempts - from)
    await run(url, attempts(population, volume, { from, count }))
    await run(url, events(population, volume, { from, count }))
  }
  await mergeEndedDays(url, volume)
}

/** What the tables do by themselves an hour after the last row of a day has come. */
async function mergeEndedDays(url: string, { untilMs, factHours }: Volume): Promise<void> {
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10).replaceAll("-", "")
  for (let ms = untilMs - factHours * HOUR_MS; day(ms) < day(untilMs); ms += 24 * HOUR_MS)
    for (const table of ["events", "events_by_time", "delivery_attempts", "attempts_by_time"])
      await run(url, `OPTIMIZE TABLE ${table} PARTITION ID '${day(ms)}' FINAL`)
}

/** Rows come in blocks of the size that a projector's inserts have, so that they lie as they would. */
const SETTINGS = new URLSearchParams({
  database: "posthorn",
  max_partitions_per_insert_block: "0",
  max_block_size: "10000",
  min_insert_block_size_rows: "10000",
  min_insert_block_size_bytes: "0",
})

/** Runs a statement by ClickHouse's own interface. */
export async function run(url: string, text: string): Promise<string> {
  const { origin, username, password } = new URL(url)
  const headers = { authorization: `Basic ${btoa(`${username}:${decodeURIComponent(password)}`)}` }
  const answer = await fetch(`${origin}/?${SETTINGS.toString()}`, { method: "POST", headers, body: text })
  const said = await answer.text()
  if (!answer.ok) throw new Error(`ClickHouse answered ${answer.status}: ${said}`)
  return said
}

interface Range {
  readonly from: number
  readonly count: number
}

const list = (values: readonly (string | number)[]): string =>
  `[${values.map((value) => (typeof value === "number" ? value : `'${value}'`)).join(", ")}]`
/** Between 0 and 1, by number and salt. */
const share = (salt: number): string => `(sipHash64(n, ${salt}) % 1000000 / 1000000)`

function drawn(
  { subscriptions, owners, ofFirst }: Population,
  { untilMs, factHours, attempts: all }: Volume,
  { from, count }: Range,
): string {
  const sinceMs = untilMs - factHours * HOUR_MS
  const others = subscriptions.length - ofFirst
  return `
    SELECT number + ${from} AS n,
      toUInt32(if(n % 2 = 0, floor(${ofFirst} * pow(${share(1)}, 3)), ${ofFirst} + floor(${others} * pow(${share(1)}, 3)))) + 1 AS place,
      ${list(subscriptions)}[place] AS subscription, ${list(owners)}[place] AS application,
      ${list(EVENT_TYPES.slice(0, -1))}[1 + toUInt32(floor(${EVENT_TYPES.length - 1} * pow(${share(2)}, 2)))] AS type,
      fromUnixTimestamp64Milli(toInt64(${sinceMs} + n * ${(factHours * HOUR_MS) / all})) AS due,
      ${share(3)} AS fate, 1 + sipHash64(n, 4) % ${ERROR_CLASSES.length} AS trouble, 20 + 2000 * pow(${share(5)}, 8) AS ms
    FROM numbers(${count})`
}

const attempts = (population: Population, volume: Volume, range: Range): string => `
  INSERT INTO delivery_attempts (
    application_id, subscription_id, event_id, event_type, delivery_id, round, attempt, outcome, error_class, status_code, delivery_state,
    created_at, scheduled_at, started_at, finished_at, duration_ms, log_offset)
  SELECT application, subscription, concat('evt_', lower(hex(sipHash64(intDiv(n, 2))))), type, concat('dlv_', lower(hex(sipHash128(n)))), 1, if(n % 20 = 0, 2, 1),
    if(fate < 0.95, 'delivered', 'failed'), if(fate < 0.95, '', ${list(ERROR_CLASSES)}[trouble]), if(fate < 0.95, 200, if(trouble = 1, ${list(STATUS_CODES)}[1 + n % ${STATUS_CODES.length}], 0)),
    multiIf(fate < 0.95, 'delivered', fate < 0.96, 'dead', 'retrying'), due, due, due + toIntervalMillisecond(2),
    due + toIntervalMillisecond(2 + toUInt32(ms)), ms, n
  FROM (${drawn(population, volume, range)})`

const events = (population: Population, volume: Volume, range: Range): string => `
  INSERT INTO events (application_id, event_id, event_type, subscription_id, payload_bytes, accepted_at, log_offset)
  SELECT application, concat('evt_', lower(hex(sipHash64(intDiv(n, 2))))), type, '', 600, due, n
  FROM (${drawn(population, volume, range)}) WHERE n % 2 = 0`
