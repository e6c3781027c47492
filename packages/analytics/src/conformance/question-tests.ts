import { expect, it } from "vitest"
import { ATTEMPT_METRICS, type Question } from "../analytics-store.ts"
import type { AnalyticsFixture } from "./analytics-fixture.ts"
import { attempt, event, HOSTILE, HOUR_MS, LAST_DAY, NOW, question } from "./sample-rows.ts"

/** What `AnalyticsReader` promises, and the views that people query. */
export function questionTests(under: AnalyticsFixture): void {
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
      await under.store.insert({ events: events.slice(first, next), attempts: attempts.slice(first, next), token })
    }
    expect(await under.store.totals(question(application_id))).toMatchObject({
      events: 30,
      measured: { attempts: 30, delivered: 20, failed: 10, dead: 0, duration_average: 14.5 },
      failures: [{ errorClass: "timeout", failed: 10 }],
    })
    for (const view of ["hourly", "daily"]) {
      const where = `WHERE application_id = '${application_id}'`
      expect(
        await under.rows(`SELECT sum(attempts) AS a, sum(delivered) AS d, sum(failed) AS f FROM delivery_attempts_${view} ${where}`),
      ).toEqual([{ a: "30", d: "20", f: "10" }])
      expect(await under.rows(`SELECT sum(events) AS n, sum(payload_bytes) AS b FROM events_${view} ${where}`)).toEqual([
        { n: "30", b: "18000" },
      ])
    }
  })

  it("rounds and attempts of one delivery are all told apart", async () => {
    const attempts = [1, 2, 3].map((n) => attempt({ application_id: "app_rounds", attempt: n, round: n < 3 ? 1 : 2 }))
    await under.store.insert({ events: [], attempts, token: "t/rounds" })
    expect(await under.totals("app_rounds")).toMatchObject({ attempts: 3 })
  })

  it("reads of one application hold nothing of another; only the installation's hold both", async () => {
    const installation = async () => (await under.store.totals({ scope: "installation", span: LAST_DAY })).measured.attempts ?? 0
    const before = await installation()
    await under.store.insert({
      events: [],
      attempts: [attempt({ application_id: "app_mine" }), attempt({ application_id: "app_theirs" })],
      token: "t/tenancy",
    })
    expect(await under.totals("app_mine")).toMatchObject({ attempts: 1 })
    expect(await under.totals("app_min")).toMatchObject({ attempts: 0 })
    expect(await under.totals("' OR 1 = 1 --")).toMatchObject({ attempts: 0 })
    expect(await installation()).toBe(before + 2)
  })

  it("a timeseries has every step that overlaps the span, zeros included, and nothing outside it", async () => {
    const application_id = "app_steps"
    const at = (delivery_id: string, finished_at: number, outcome: "delivered" | "failed" = "delivered") =>
      attempt({ application_id, delivery_id, finished_at, outcome })
    const hour = NOW - HOUR_MS / 2
    await under.store.insert({
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
    const points = await under.store.timeseries(question(application_id, { span }), { stepMs: HOUR_MS, metrics })
    expect(points).toEqual([
      { startMs: hour - 3 * HOUR_MS, measured: { failed: 0, events: 0, delivered: 0, success_rate: undefined } },
      { startMs: hour - 2 * HOUR_MS, measured: { failed: 0, events: 1, delivered: 0, success_rate: undefined } },
      { startMs: hour - HOUR_MS, measured: { failed: 0, events: 0, delivered: 1, success_rate: 1 } },
      { startMs: hour, measured: { failed: 1, events: 1, delivered: 1, success_rate: 0.5 } },
    ])
    const minutes = await under.store.timeseries(question(application_id, { span }), { stepMs: 60_000, metrics: ["attempts"] })
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
    await under.store.insert({ events, attempts, token: "t/narrow" })
    const counts = async (more: Partial<Question>) => {
      const { events: accepted, measured } = await under.store.totals(question(application_id, more))
      return [accepted, measured.attempts]
    }
    expect(await counts({})).toEqual([2, 3])
    expect(await counts({ subscriptionId: "sub_a" })).toEqual([0, 2])
    expect(await counts({ subscriptionId: "sub_b" })).toEqual([1, 1])
    expect(await counts({ eventType: "user.made" })).toEqual([1, 1])
    expect(await counts({ eventType: "order.created", subscriptionId: "sub_a" })).toEqual([0, 1])
    const narrow = question(application_id, { subscriptionId: "sub_a", eventType: "user.made" })
    expect((await under.store.top(narrow, { by: "event_type", orderBy: "attempts", limit: 5 })).map(({ key }) => key)).toEqual([
      "user.made",
    ])
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
    await under.store.insert({ events: [], attempts, token: "t/percentiles" })
    const measured = await under.totals(application_id)
    for (const [share, percentile] of [
      [0.5, "p50"],
      [0.95, "p95"],
      [0.99, "p99"],
    ] as const) {
      expect(Math.abs((measured[`duration_${percentile}`] ?? 0) / (1000 * share) - 1), percentile).toBeLessThan(0.001)
      expect(Math.abs((measured[`time_to_deliver_${percentile}`] ?? 0) / (60_000_000 * share) - 1), percentile).toBeLessThan(0.001)
    }
    const nothing = await under.totals("app_nobody")
    expect(ATTEMPT_METRICS.filter((metric) => nothing[metric] !== undefined)).toEqual(["attempts", "delivered", "failed", "dead"])
    const failed = attempt({ application_id: "app_failed", outcome: "failed", error_class: "dns", delivery_state: "dead" })
    await under.store.insert({ events: [], attempts: [failed], token: "t/failed" })
    expect(await under.totals("app_failed")).toMatchObject({
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
    await under.store.insert({
      events: [],
      attempts: kinds.map((kind, n) => attempt({ application_id, delivery_id: `dlv_${n}`, ...kind })),
      token: "t/top",
    })
    const top = async (
      by: "subscription" | "event_type" | "error_class" | "status_code",
      orderBy: (typeof ATTEMPT_METRICS)[number],
      limit = 10,
    ) => (await under.store.top(question(application_id), { by, orderBy, limit })).map(({ key, measured }) => [key, measured.attempts])
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
    await under.store.insert({ events: [], attempts, token: "t/views" })
    const where = `WHERE application_id = '${application_id}'`
    for (const view of ["hourly", "daily"]) {
      const columns = "success_rate, duration_ms_p50, duration_ms_p95, duration_ms_p99, time_to_deliver_ms_p50, time_to_deliver_ms_p95"
      expect(await under.rows(`SELECT ${columns}, time_to_deliver_ms_p99 AS last FROM delivery_attempts_${view} ${where}`)).toEqual([
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
    expect(await under.rows(`SELECT error_class, status_code, failed, dead FROM failures_hourly ${where} ORDER BY error_class`)).toEqual([
      { error_class: "dns", status_code: 0, failed: "1", dead: "1" },
      { error_class: "status", status_code: 503, failed: "1", dead: "0" },
    ])
    expect(
      await under.rows(`SELECT toInt32(retry_depth) AS depth, attempts, delivered, dead FROM retry_depth_daily ${where} ORDER BY depth`),
    ).toEqual([
      { depth: 0, attempts: "3", delivered: "1", dead: "1" },
      { depth: 1, attempts: "1", delivered: "1", dead: "0" },
    ])
  })

  it("hostile text is stored as it is and read back only by its own application", async () => {
    for (const [index, text] of HOSTILE.entries()) {
      await under.store.insert({
        events: [event({ application_id: text, event_type: text, event_id: text })],
        attempts: [attempt({ application_id: text, event_type: text, subscription_id: text, delivery_id: text })],
        token: `${text}/${index}`,
      })
      expect(await under.totals(text)).toMatchObject({ attempts: 1, delivered: 1 })
      const stored = await under.rows<{ event_type: string }>(
        "SELECT event_type FROM delivery_attempts WHERE application_id = {a:String}",
        {
          a: text,
        },
      )
      expect(stored).toEqual([{ event_type: text }])
    }
  })

  it("inserts and reads at the same time do not mix", async () => {
    const inserts = Array.from({ length: 12 }, (_, n) =>
      under.store.insert({
        events: [],
        attempts: [attempt({ application_id: `app_side_${n % 3}`, delivery_id: `dlv_${n}` })],
        token: `t/side/${n}`,
      }),
    )
    await Promise.all([...inserts, ...Array.from({ length: 6 }, () => under.store.totals({ scope: "installation", span: LAST_DAY }))])
    for (const n of [0, 1, 2]) expect(await under.totals(`app_side_${n}`)).toMatchObject({ attempts: 4 })
  })
}
