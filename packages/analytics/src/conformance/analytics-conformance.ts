import { createClient, type ClickHouseClient } from "@clickhouse/client"
import type { AttemptRow, EventRow } from "@posthorn/core"
import { eventually } from "@posthorn/testkit"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { AnalyticsUnavailable, ATTEMPT_METRICS, type AnalyticsStore, type Question, type Span } from "../analytics-store.ts"

/** What the suite runs on. */
export interface AnalyticsUnderTest {
  /** Names an empty database of its own. */
  readonly url: string
  create(retentionDays: number): AnalyticsStore
  /** Kills the engine as a crash would; it comes back by itself. Left out where that cannot be done. */
  readonly kill?: () => void
  stop(): Promise<void>
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** The middle of an hour some time ago, so that no test sees an hour or a day end. */
const NOW = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAY_MS / 2 + HOUR_MS / 2
const LAST_DAY: Span = { sinceMs: NOW - DAY_MS, untilMs: NOW + 1 }

const HOSTILE = [
  `'; DROP TABLE events; --`,
  `" OR ""="`,
  "back\\slash \\' \\\\",
  "tab\tnew\nline\r\0null",
  "`backtick` {x:String} $1 %s",
  "𝒽𝓮𝓁𝓁𝑜 ✓ Ω≈ç√ 田中さん 🇩🇪👩‍👧",
  "\u202Ertl\u202C \uFEFFbom \u0001",
  '} FORMAT JSONEachRow {"application_id":"app_victim"}',
]

function attempt(change: Partial<AttemptRow> = {}): AttemptRow {
  const finishedMs = change.finished_at ?? NOW - HOUR_MS
  return {
    application_id: "app_1",
    subscription_id: "sub_1",
    event_id: "evt_1",
    event_type: "order.created",
    delivery_id: "dlv_1",
    round: 1,
    attempt: 1,
    outcome: "delivered",
    error_class: "",
    status_code: 200,
    delivery_state: "delivered",
    created_at: finishedMs - 100,
    scheduled_at: finishedMs - 90,
    started_at: finishedMs - 40,
    finished_at: finishedMs,
    duration_ms: 40,
    log_offset: 1,
    ...change,
  }
}

function event(change: Partial<EventRow> = {}): EventRow {
  return {
    application_id: "app_1",
    event_id: "evt_1",
    event_type: "order.created",
    subscription_id: "",
    payload_bytes: 600,
    accepted_at: NOW - HOUR_MS,
    log_offset: 1,
    ...change,
  }
}

/** The promises of `AnalyticsStore`, and of the tables and views that people query. */
export function analyticsConformance(name: string, start: () => Promise<AnalyticsUnderTest>): void {
  describe(`analytics on ${name}`, { timeout: 120_000 }, () => {
    let underTest: AnalyticsUnderTest
    let store: AnalyticsStore
    let sql: ClickHouseClient

    beforeAll(async () => {
      underTest = await start()
      store = underTest.create(4000)
      await eventually(() => store.ping(), { timeoutMs: 60_000, what: "the engine" })
      sql = createClient({ url: underTest.url, clickhouse_settings: { output_format_json_quote_64bit_integers: 1 } })
    }, 120_000)

    afterAll(async () => {
      await sql?.close()
      await store?.close()
      await underTest?.stop()
    })

    const rows = async <T>(query: string, parameters: Record<string, unknown> = {}): Promise<T[]> => {
      const result = await sql.query({ query, query_params: parameters, format: "JSONEachRow" })
      return result.json<T>()
    }
    const question = (applicationId: string, more: Partial<Question> = {}): Question => ({
      scope: { applicationId },
      span: LAST_DAY,
      ...more,
    })
    const totals = async (applicationId: string) => (await store.totals(question(applicationId))).measured

    it("a batch inserted again under its token is stored once", async () => {
      const batch = {
        events: [event({ application_id: "app_token" })],
        attempts: [attempt({ application_id: "app_token" })],
        token: "attempts/0/1-1",
      }
      for (let time = 0; time < 3; time++) await store.insert(batch)
      // Without FINAL: the copies never got in.
      expect(await rows("SELECT count() AS n FROM delivery_attempts WHERE application_id = 'app_token'")).toEqual([{ n: "1" }])
      expect(await rows("SELECT count() AS n FROM events WHERE application_id = 'app_token'")).toEqual([{ n: "1" }])
      expect(await rows("SELECT count() AS n FROM attempts_by_time WHERE application_id = 'app_token'")).toEqual([{ n: "1" }])
      expect(await rows("SELECT count() AS n FROM events_by_time WHERE application_id = 'app_token'")).toEqual([{ n: "1" }])
    })

    it("a token may be long: it names every range of a batch over a thousand partitions", async () => {
      const token = Array.from({ length: 2000 }, (_, n) => `attempts/${n}/1000000000-1000000999`).join(",")
      const batch = { events: [], attempts: [attempt({ application_id: "app_long" })], token }
      for (let time = 0; time < 2; time++) await store.insert(batch)
      expect(await rows("SELECT count() AS n FROM delivery_attempts WHERE application_id = 'app_long'")).toEqual([{ n: "1" }])
    })

    it("a token of an earlier log does not swallow the rows of a new one", async () => {
      const at = (delivery: string) => attempt({ application_id: "app_anew", delivery_id: delivery })
      await store.insert({ events: [], attempts: [at("dlv_old")], token: "attempts/0/0-0" })
      await store.insert({ events: [], attempts: [at("dlv_new")], token: "attempts/0/0-0" })
      expect(await totals("app_anew")).toMatchObject({ attempts: 2 })
    })

    it("overlapping batches count every attempt and event once, in reads and in views", async () => {
      const application_id = "app_overlap"
      const attempts = Array.from({ length: 30 }, (_, n) =>
        attempt({
          application_id,
          delivery_id: `dlv_${n}`,
          log_offset: n,
          duration_ms: n,
          ...(n % 3 === 0 ? { outcome: "failed", error_class: "timeout" } : {}),
        }),
      )
      const events = Array.from({ length: 30 }, (_, n) => event({ application_id, event_id: `evt_${n}`, log_offset: n }))
      for (const [first, next] of [
        [0, 20],
        [10, 30],
        [5, 25],
        [0, 30],
      ] as const) {
        const token = `attempts/0/${first}-${next - 1}`
        await store.insert({ events: events.slice(first, next), attempts: attempts.slice(first, next), token })
      }
      expect(await store.totals(question(application_id))).toMatchObject({
        events: 30,
        measured: { attempts: 30, delivered: 20, failed: 10, dead: 0, duration_average: 14.5 },
        failures: [{ errorClass: "timeout", failed: 10 }],
      })
      for (const view of ["hourly", "daily"]) {
        const where = `WHERE application_id = '${application_id}'`
        expect(
          await rows(`SELECT sum(attempts) AS a, sum(delivered) AS d, sum(failed) AS f FROM delivery_attempts_${view} ${where}`),
        ).toEqual([{ a: "30", d: "20", f: "10" }])
        expect(await rows(`SELECT sum(events) AS n, sum(payload_bytes) AS b FROM events_${view} ${where}`)).toEqual([
          { n: "30", b: "18000" },
        ])
      }
    })

    it("of ends of one attempt the one that is later in the log counts, in whatever order and days they come", async () => {
      const identity = { application_id: "app_later", delivery_id: "dlv_twice", scheduled_at: NOW - 21 * HOUR_MS }
      const later = attempt({ ...identity, log_offset: 9, outcome: "failed", error_class: "status", finished_at: NOW - HOUR_MS })
      const earlier = attempt({ ...identity, log_offset: 3, outcome: "delivered", finished_at: NOW - 20 * HOUR_MS })
      await store.insert({ events: [], attempts: [later], token: "t/later" })
      await store.insert({ events: [], attempts: [earlier], token: "t/earlier" })
      expect(await totals("app_later")).toMatchObject({ attempts: 1, delivered: 0, failed: 1 })
    })

    it("rounds and attempts of one delivery are all told apart", async () => {
      const attempts = [1, 2, 3].map((n) => attempt({ application_id: "app_rounds", attempt: n, round: n < 3 ? 1 : 2 }))
      await store.insert({ events: [], attempts, token: "t/rounds" })
      expect(await totals("app_rounds")).toMatchObject({ attempts: 3 })
    })

    it("reads of one application hold nothing of another; only the installation's hold both", async () => {
      const installation = async () => (await store.totals({ scope: "installation", span: LAST_DAY })).measured.attempts ?? 0
      const before = await installation()
      await store.insert({
        events: [],
        attempts: [attempt({ application_id: "app_mine" }), attempt({ application_id: "app_theirs" })],
        token: "t/tenancy",
      })
      expect(await totals("app_mine")).toMatchObject({ attempts: 1 })
      expect(await totals("app_min")).toMatchObject({ attempts: 0 })
      expect(await totals("' OR 1 = 1 --")).toMatchObject({ attempts: 0 })
      expect(await installation()).toBe(before + 2)
    })

    it("a timeseries has every step that overlaps the span, zeros included, and nothing outside it", async () => {
      const application_id = "app_steps"
      const at = (delivery_id: string, finished_at: number, outcome: "delivered" | "failed" = "delivered") =>
        attempt({ application_id, delivery_id, finished_at, outcome })
      const hour = NOW - HOUR_MS / 2
      await store.insert({
        events: [
          event({ application_id, accepted_at: hour - 2 * HOUR_MS }),
          event({ application_id, event_id: "evt_2", accepted_at: hour + 1 }),
        ],
        attempts: [
          at("a", hour),
          at("b", hour + HOUR_MS / 2 - 1, "failed"),
          at("c", hour - 1),
          at("d", hour - 2.5 * HOUR_MS - 1),
          at("e", hour + HOUR_MS / 2),
        ],
        token: "t/steps",
      })
      const span = { sinceMs: hour - 2.5 * HOUR_MS, untilMs: hour + HOUR_MS / 2 }
      const metrics = ["failed", "events", "delivered", "success_rate"] as const
      const points = await store.timeseries(question(application_id, { span }), { stepMs: HOUR_MS, metrics })
      expect(points).toEqual([
        { startMs: hour - 3 * HOUR_MS, measured: { failed: 0, events: 0, delivered: 0, success_rate: undefined } },
        { startMs: hour - 2 * HOUR_MS, measured: { failed: 0, events: 1, delivered: 0, success_rate: undefined } },
        { startMs: hour - HOUR_MS, measured: { failed: 0, events: 0, delivered: 1, success_rate: 1 } },
        { startMs: hour, measured: { failed: 1, events: 1, delivered: 1, success_rate: 0.5 } },
      ])
      const minutes = await store.timeseries(question(application_id, { span }), { stepMs: 60_000, metrics: ["attempts"] })
      expect(minutes).toHaveLength(180)
      expect(minutes.filter(({ measured }) => measured.attempts === 1).map(({ startMs }) => startMs)).toEqual([
        hour - 60_000,
        hour,
        hour + HOUR_MS / 2 - 60_000,
      ])
    })

    it("a question about one subscription or type is answered of that alone", async () => {
      const application_id = "app_narrow"
      const attempts = ["sub_a", "sub_a", "sub_b"].map((subscription_id, n) =>
        attempt({ application_id, subscription_id, delivery_id: `dlv_${n}`, event_type: n === 0 ? "user.made" : "order.created" }),
      )
      const events = [
        event({ application_id, event_type: "user.made" }),
        event({ application_id, event_id: "evt_2", subscription_id: "sub_b" }),
      ]
      await store.insert({ events, attempts, token: "t/narrow" })
      const counts = async (more: Partial<Question>) => {
        const { events: accepted, measured } = await store.totals(question(application_id, more))
        return [accepted, measured.attempts]
      }
      expect(await counts({})).toEqual([2, 3])
      expect(await counts({ subscriptionId: "sub_a" })).toEqual([0, 2])
      expect(await counts({ subscriptionId: "sub_b" })).toEqual([1, 1])
      expect(await counts({ eventType: "user.made" })).toEqual([1, 1])
      expect(await counts({ eventType: "order.created", subscriptionId: "sub_a" })).toEqual([0, 1])
      const narrow = question(application_id, { subscriptionId: "sub_a", eventType: "user.made" })
      expect((await store.top(narrow, { by: "event_type", orderBy: "attempts", limit: 5 })).map(({ key }) => key)).toEqual(["user.made"])
    })

    it("percentiles of a few thousand values are exact, and nothing is said of what did not happen", async () => {
      const application_id = "app_percentiles"
      const attempts = Array.from({ length: 1000 }, (_, n) =>
        attempt({
          application_id,
          delivery_id: `dlv_${n}`,
          duration_ms: n + 1,
          created_at: NOW - HOUR_MS - 60_000 * (n + 1),
          finished_at: NOW - HOUR_MS,
        }),
      )
      await store.insert({ events: [], attempts, token: "t/percentiles" })
      const measured = await totals(application_id)
      for (const [share, percentile] of [
        [0.5, "p50"],
        [0.95, "p95"],
        [0.99, "p99"],
      ] as const) {
        expect(Math.abs((measured[`duration_${percentile}`] ?? 0) / (1000 * share) - 1), percentile).toBeLessThan(0.001)
        expect(Math.abs((measured[`time_to_deliver_${percentile}`] ?? 0) / (60_000_000 * share) - 1), percentile).toBeLessThan(0.001)
      }
      const nothing = await totals("app_nobody")
      expect(ATTEMPT_METRICS.filter((metric) => nothing[metric] !== undefined)).toEqual(["attempts", "delivered", "failed", "dead"])
      const failed = attempt({ application_id: "app_failed", outcome: "failed", error_class: "dns", delivery_state: "dead" })
      await store.insert({ events: [], attempts: [failed], token: "t/failed" })
      expect(await totals("app_failed")).toMatchObject({
        dead: 1,
        success_rate: 0,
        duration_p95: expect.closeTo(40, 0),
        time_to_deliver_p95: undefined,
      })
    })

    it("what comes first is told by any metric and dimension, with as many rows as asked for", async () => {
      const application_id = "app_top"
      const kinds = [
        { subscription_id: "sub_fast", event_type: "a", outcome: "delivered", status_code: 200, duration_ms: 1 },
        { subscription_id: "sub_slow", event_type: "a", outcome: "delivered", status_code: 200, duration_ms: 900 },
        { subscription_id: "sub_bad", event_type: "b", outcome: "failed", error_class: "status", status_code: 503, duration_ms: 5 },
        { subscription_id: "sub_bad", event_type: "b", outcome: "failed", error_class: "timeout", status_code: 0, duration_ms: 5 },
        { subscription_id: "sub_bad", event_type: "b", outcome: "failed", error_class: "timeout", status_code: 0, duration_ms: 5 },
      ] as const
      await store.insert({
        events: [],
        attempts: kinds.map((kind, n) => attempt({ application_id, delivery_id: `dlv_${n}`, ...kind })),
        token: "t/top",
      })
      const top = async (
        by: "subscription" | "event_type" | "error_class" | "status_code",
        orderBy: (typeof ATTEMPT_METRICS)[number],
        limit = 10,
      ) => (await store.top(question(application_id), { by, orderBy, limit })).map(({ key, measured }) => [key, measured.attempts])
      expect(await top("subscription", "failed")).toEqual([
        ["sub_bad", 3],
        ["sub_fast", 1],
        ["sub_slow", 1],
      ])
      expect(await top("subscription", "duration_p95", 1)).toEqual([["sub_slow", 1]])
      expect(await top("subscription", "success_rate", 1)).toEqual([["sub_bad", 3]])
      expect((await top("subscription", "time_to_deliver_p95")).at(-1)).toEqual(["sub_bad", 3])
      expect(await top("event_type", "attempts")).toEqual([
        ["b", 3],
        ["a", 2],
      ])
      expect(await top("error_class", "failed")).toEqual([
        ["timeout", 2],
        ["status", 1],
      ])
      expect(await top("status_code", "delivered", 2)).toEqual([
        ["200", 2],
        ["0", 2],
      ])
    })

    it("the views tell rates, percentiles, failures and retries by hour and day", async () => {
      const application_id = "app_views"
      const attempts = [
        attempt({ application_id, outcome: "failed", error_class: "status", status_code: 503, delivery_state: "retrying" }),
        attempt({ application_id, attempt: 2 }),
        attempt({ application_id, delivery_id: "dlv_2" }),
        attempt({ application_id, delivery_id: "dlv_3", outcome: "failed", error_class: "dns", status_code: 0, delivery_state: "dead" }),
      ]
      await store.insert({ events: [], attempts, token: "t/views" })
      const where = `WHERE application_id = '${application_id}'`
      for (const view of ["hourly", "daily"]) {
        const columns = "success_rate, duration_ms_p50, duration_ms_p95, duration_ms_p99, time_to_deliver_ms_p50, time_to_deliver_ms_p95"
        expect(await rows(`SELECT ${columns}, time_to_deliver_ms_p99 AS last FROM delivery_attempts_${view} ${where}`)).toEqual([
          {
            success_rate: 0.5,
            duration_ms_p50: 40,
            duration_ms_p95: 40,
            duration_ms_p99: 40,
            time_to_deliver_ms_p50: 100,
            time_to_deliver_ms_p95: 100,
            last: 100,
          },
        ])
      }
      expect(await rows(`SELECT error_class, status_code, failed, dead FROM failures_hourly ${where} ORDER BY error_class`)).toEqual([
        { error_class: "dns", status_code: 0, failed: "1", dead: "1" },
        { error_class: "status", status_code: 503, failed: "1", dead: "0" },
      ])
      expect(
        await rows(`SELECT toInt32(retry_depth) AS depth, attempts, delivered, dead FROM retry_depth_daily ${where} ORDER BY depth`),
      ).toEqual([
        { depth: 0, attempts: "3", delivered: "1", dead: "1" },
        { depth: 1, attempts: "1", delivered: "1", dead: "0" },
      ])
    })

    it("what failed behind the first table is made up for when the batch comes again", async () => {
      const batch = {
        events: [event({ application_id: "app_behind" })],
        attempts: [attempt({ application_id: "app_behind" })],
        token: "t/behind",
      }
      for (const table of ["attempts_by_time", "events_by_time"]) await sql.command({ query: `RENAME TABLE ${table} TO away_${table}` })
      await expect(store.insert(batch)).rejects.toBeInstanceOf(AnalyticsUnavailable)
      for (const table of ["attempts_by_time", "events_by_time"]) await sql.command({ query: `RENAME TABLE away_${table} TO ${table}` })
      await store.insert(batch)
      expect(await store.totals(question("app_behind"))).toMatchObject({ events: 1, measured: { attempts: 1 } })
      for (const table of ["events", "delivery_attempts"])
        expect(await rows(`SELECT count() AS n FROM ${table} FINAL WHERE application_id = 'app_behind'`)).toEqual([{ n: "1" }])
    })

    it("hostile text is stored as it is and read back only by its own application", async () => {
      for (const [index, text] of HOSTILE.entries()) {
        await store.insert({
          events: [event({ application_id: text, event_type: text, event_id: text })],
          attempts: [attempt({ application_id: text, event_type: text, subscription_id: text, delivery_id: text })],
          token: `${text}/${index}`,
        })
        expect(await totals(text)).toMatchObject({ attempts: 1, delivered: 1 })
        const stored = await rows<{ event_type: string }>("SELECT event_type FROM delivery_attempts WHERE application_id = {a:String}", {
          a: text,
        })
        expect(stored).toEqual([{ event_type: text }])
      }
    })

    it("numbers and times at the edges are stored exactly and hold up no batch", async () => {
      const application_id = "app_edges"
      const attempts = [
        attempt({ application_id, delivery_id: "a", log_offset: Number.MAX_SAFE_INTEGER, duration_ms: 0.125, finished_at: NOW - 1 }),
        attempt({
          application_id,
          delivery_id: "b",
          round: -1,
          attempt: 2_147_483_647,
          status_code: -5,
          duration_ms: 1e300,
          created_at: 0,
          scheduled_at: 1,
        }),
      ]
      await store.insert({ events: [], attempts, token: "t/edges" })
      const stored = await rows(
        `SELECT log_offset, duration_ms, attempt, round, toUnixTimestamp64Milli(created_at) AS created, toUnixTimestamp64Milli(scheduled_at) AS due,
                toUnixTimestamp64Milli(finished_at) AS finished, lateness_ms, time_to_deliver_ms, retry_depth
         FROM delivery_attempts FINAL WHERE application_id = '${application_id}' ORDER BY delivery_id`,
      )
      expect(stored).toMatchObject([
        {
          log_offset: "9007199254740991",
          duration_ms: 0.125,
          finished: `${NOW - 1}`,
          lateness_ms: "50",
          time_to_deliver_ms: "100",
          retry_depth: 0,
        },
        { attempt: 2_147_483_647, round: -1, duration_ms: 1e300, created: "0", due: "1" },
      ])
    })

    it("inserts and reads at the same time do not mix", async () => {
      const inserts = Array.from({ length: 12 }, (_, n) =>
        store.insert({
          events: [],
          attempts: [attempt({ application_id: `app_side_${n % 3}`, delivery_id: `dlv_${n}` })],
          token: `t/side/${n}`,
        }),
      )
      await Promise.all([...inserts, ...Array.from({ length: 6 }, () => store.totals({ scope: "installation", span: LAST_DAY }))])
      for (const n of [0, 1, 2]) expect(await totals(`app_side_${n}`)).toMatchObject({ attempts: 4 })
    })

    it("several processes may start on one database, and a new retention drops what is older on a live table", async () => {
      const application_id = "app_ttl"
      const oldMs = NOW - 500 * DAY_MS
      await store.insert({
        events: [event({ application_id, event_id: "old", accepted_at: oldMs }), event({ application_id, event_id: "new" })],
        attempts: [attempt({ application_id, delivery_id: "old", finished_at: oldMs }), attempt({ application_id, delivery_id: "new" })],
        token: "t/ttl",
      })
      const oldDay = new Date(oldMs).toISOString().slice(0, 10).replaceAll("-", "")
      const kept = async (table: string): Promise<string | undefined> => {
        await sql.command({ query: `OPTIMIZE TABLE ${table} PARTITION ID '${oldDay}' FINAL` })
        const [answer] = await rows<{ n: string }>(`SELECT count() AS n FROM ${table} WHERE application_id = '${application_id}'`)
        return answer?.n
      }
      expect([await kept("events"), await kept("delivery_attempts")]).toEqual(["2", "2"])
      const strict = Array.from({ length: 3 }, () => underTest.create(400))
      await Promise.all(strict.map((one) => one.ping()))
      for (const table of ["events", "delivery_attempts"]) {
        await eventually(async () => (await kept(table)) === "1", { timeoutMs: 60_000, what: `retention of ${table}` })
      }
      await Promise.all(strict.map((one) => one.close()))
    })

    it("a refused insert rejects as unavailable and works when repeated", async () => {
      await sql.command({ query: "RENAME TABLE delivery_attempts TO away" })
      const batch = {
        events: [event({ application_id: "app_again" })],
        attempts: [attempt({ application_id: "app_again" })],
        token: "t/again",
      }
      await expect(store.insert(batch)).rejects.toBeInstanceOf(AnalyticsUnavailable)
      await sql.command({ query: "RENAME TABLE away TO delivery_attempts" })
      await store.insert(batch)
      expect(await totals("app_again")).toMatchObject({ attempts: 1 })
      expect(await rows("SELECT count() AS n FROM events WHERE application_id = 'app_again'")).toEqual([{ n: "1" }])
    })

    it("a full batch over more than a hundred days goes in at once, and again without a change", async () => {
      const attempts = Array.from({ length: 10_000 }, (_, n) =>
        attempt({ application_id: "app_many", delivery_id: `dlv_${n}`, finished_at: NOW - (n % 110) * DAY_MS, log_offset: n }),
      )
      await store.insert({ events: [], attempts, token: "t/many" })
      await store.insert({ events: [], attempts, token: "t/many" })
      expect(await rows("SELECT count() AS n FROM delivery_attempts WHERE application_id = 'app_many'")).toEqual([{ n: "10000" }])
    })

    it("an engine that is killed in the middle of inserts loses no acknowledged row", async ({ skip }) => {
      const { kill } = underTest
      if (kill === undefined) return skip("this engine cannot be killed from here")
      const application_id = "app_killed"
      let refused = 0
      for (let n = 0; n < 30; n++) {
        const batch = { events: [], attempts: [attempt({ application_id, delivery_id: `dlv_${n}` })], token: `t/killed/${n}` }
        const inserted = eventually(
          () =>
            store.insert(batch).catch((error: unknown) => {
              refused++
              throw error
            }),
          { timeoutMs: 60_000 },
        )
        if (n % 10 === 5) kill()
        await inserted
      }
      expect(refused).toBeGreaterThan(0)
      expect(await totals(application_id)).toMatchObject({ attempts: 30, delivered: 30 })
    })
  })
}
