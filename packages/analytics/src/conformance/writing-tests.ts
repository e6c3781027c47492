import { eventually } from "@posthorn/testkit"
import { expect, it } from "vitest"
import { AnalyticsUnavailable } from "../analytics-store.ts"
import type { AnalyticsFixture } from "./analytics-fixture.ts"
import { attempt, DAY_MS, event, HOUR_MS, NOW, question } from "./sample-rows.ts"

/** What `AnalyticsWriter` promises, and what becomes of rows as they grow old. */
export function writingTests(under: AnalyticsFixture): void {
  it("a batch inserted again under its token is stored once", async () => {
    const batch = {
      events: [event({ application_id: "app_token" })],
      attempts: [attempt({ application_id: "app_token" })],
      token: "attempts/0/1-1",
    }
    for (let time = 0; time < 3; time++) await under.store.insert(batch)
    // Without FINAL: the copies never got in.
    expect(await under.rows("SELECT count() AS n FROM delivery_attempts WHERE application_id = 'app_token'")).toEqual([{ n: "1" }])
    expect(await under.rows("SELECT count() AS n FROM events WHERE application_id = 'app_token'")).toEqual([{ n: "1" }])
    expect(await under.rows("SELECT count() AS n FROM attempts_by_time WHERE application_id = 'app_token'")).toEqual([{ n: "1" }])
    expect(await under.rows("SELECT count() AS n FROM events_by_time WHERE application_id = 'app_token'")).toEqual([{ n: "1" }])
  })

  it("a token may be long: it names every range of a batch over a thousand partitions", async () => {
    const token = Array.from({ length: 2000 }, (_, n) => `attempts/${n}/1000000000-1000000999`).join(",")
    const batch = { events: [], attempts: [attempt({ application_id: "app_long" })], token }
    for (let time = 0; time < 2; time++) await under.store.insert(batch)
    expect(await under.rows("SELECT count() AS n FROM delivery_attempts WHERE application_id = 'app_long'")).toEqual([{ n: "1" }])
  })

  it("a token of an earlier log does not swallow the rows of a new one", async () => {
    const at = (delivery: string) => attempt({ application_id: "app_anew", delivery_id: delivery })
    await under.store.insert({ events: [], attempts: [at("dlv_old")], token: "attempts/0/0-0" })
    await under.store.insert({ events: [], attempts: [at("dlv_new")], token: "attempts/0/0-0" })
    expect(await under.totals("app_anew")).toMatchObject({ attempts: 2 })
  })

  it("of ends of one attempt the one that is later in the log counts, in whatever order and days they come", async () => {
    const identity = { application_id: "app_later", delivery_id: "dlv_twice", scheduled_at: NOW - 21 * HOUR_MS }
    const later = attempt({ ...identity, log_offset: 9, outcome: "failed", error_class: "status", finished_at: NOW - HOUR_MS })
    const earlier = attempt({ ...identity, log_offset: 3, outcome: "delivered", finished_at: NOW - 20 * HOUR_MS })
    await under.store.insert({ events: [], attempts: [later], token: "t/later" })
    await under.store.insert({ events: [], attempts: [earlier], token: "t/earlier" })
    expect(await under.totals("app_later")).toMatchObject({ attempts: 1, delivered: 0, failed: 1 })
  })

  it("what failed behind the first table is made up for when the batch comes again", async () => {
    const batch = {
      events: [event({ application_id: "app_behind" })],
      attempts: [attempt({ application_id: "app_behind" })],
      token: "t/behind",
    }
    for (const table of ["attempts_by_time", "events_by_time"]) await under.sql.command({ query: `RENAME TABLE ${table} TO away_${table}` })
    await expect(under.store.insert(batch)).rejects.toBeInstanceOf(AnalyticsUnavailable)
    for (const table of ["attempts_by_time", "events_by_time"]) await under.sql.command({ query: `RENAME TABLE away_${table} TO ${table}` })
    await under.store.insert(batch)
    expect(await under.store.totals(question("app_behind"))).toMatchObject({ events: 1, measured: { attempts: 1 } })
    for (const table of ["events", "delivery_attempts"])
      expect(await under.rows(`SELECT count() AS n FROM ${table} FINAL WHERE application_id = 'app_behind'`)).toEqual([{ n: "1" }])
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
    await under.store.insert({ events: [], attempts, token: "t/edges" })
    const stored = await under.rows(
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

  it("several processes may start on one database, and a new retention drops what is older on a live table", async () => {
    const application_id = "app_ttl"
    const oldMs = NOW - 500 * DAY_MS
    await under.store.insert({
      events: [event({ application_id, event_id: "old", accepted_at: oldMs }), event({ application_id, event_id: "new" })],
      attempts: [attempt({ application_id, delivery_id: "old", finished_at: oldMs }), attempt({ application_id, delivery_id: "new" })],
      token: "t/ttl",
    })
    const oldDay = new Date(oldMs).toISOString().slice(0, 10).replaceAll("-", "")
    const kept = async (table: string): Promise<string | undefined> => {
      await under.sql.command({ query: `OPTIMIZE TABLE ${table} PARTITION ID '${oldDay}' FINAL` })
      const [answer] = await under.rows<{ n: string }>(`SELECT count() AS n FROM ${table} WHERE application_id = '${application_id}'`)
      return answer?.n
    }
    expect([await kept("events"), await kept("delivery_attempts")]).toEqual(["2", "2"])
    const strict = Array.from({ length: 3 }, () => under.create(400))
    await Promise.all(strict.map((one) => one.ping()))
    for (const table of ["events", "delivery_attempts"]) {
      await eventually(async () => (await kept(table)) === "1", { timeoutMs: 60_000, what: `retention of ${table}` })
    }
    await Promise.all(strict.map((one) => one.close()))
  })

  it("a day that nothing is added to becomes one part, in which nobody has to look for copies", async () => {
    const application_id = "app_settled"
    const dayMs = NOW - 40 * DAY_MS
    for (let n = 0; n < 3; n++) {
      const attempts = [attempt({ application_id, delivery_id: `dlv_${n % 2}`, finished_at: dayMs, log_offset: n })]
      const events = [event({ application_id, event_id: `evt_${n}`, accepted_at: dayMs })]
      await under.store.insert({ events, attempts, token: `t/settled/${n}` })
    }
    const day = new Date(dayMs).toISOString().slice(0, 10).replaceAll("-", "")
    for (const table of ["attempts_by_time", "events_by_time", "delivery_attempts", "events"]) {
      const [made] = await under.rows<{ engine: string }>(
        `SELECT engine_full AS engine FROM system.tables WHERE database = currentDatabase() AND name = '${table}'`,
      )
      expect(made?.engine).toMatch(/min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = (?:1|true)/)
      const forceAfter = async (seconds: number): Promise<void> => {
        await under.sql.command({ query: `ALTER TABLE ${table} MODIFY SETTING min_age_to_force_merge_seconds = ${seconds}` })
      }
      const parts = `SELECT count() AS n FROM system.parts
        WHERE active AND database = currentDatabase() AND table = '${table}' AND partition = '${day}'`
      await forceAfter(1)
      await eventually(async () => (await under.rows<{ n: string }>(parts))[0]?.n === "1", {
        timeoutMs: 60_000,
        what: `one part of ${table}`,
      })
      await forceAfter(3600)
    }
    const span = { sinceMs: dayMs - HOUR_MS, untilMs: dayMs + HOUR_MS }
    expect((await under.store.totals(question(application_id, { span }))).measured.attempts).toBe(2)
  })

  it("a refused insert rejects as unavailable and works when repeated", async () => {
    await under.sql.command({ query: "RENAME TABLE delivery_attempts TO away" })
    const batch = {
      events: [event({ application_id: "app_again" })],
      attempts: [attempt({ application_id: "app_again" })],
      token: "t/again",
    }
    await expect(under.store.insert(batch)).rejects.toBeInstanceOf(AnalyticsUnavailable)
    await under.sql.command({ query: "RENAME TABLE away TO delivery_attempts" })
    await under.store.insert(batch)
    expect(await under.totals("app_again")).toMatchObject({ attempts: 1 })
    expect(await under.rows("SELECT count() AS n FROM events WHERE application_id = 'app_again'")).toEqual([{ n: "1" }])
  })

  it("a full batch over more than a hundred days goes in at once, and again without a change", async () => {
    const attempts = Array.from({ length: 10_000 }, (_, n) =>
      attempt({ application_id: "app_many", delivery_id: `dlv_${n}`, finished_at: NOW - (n % 110) * DAY_MS, log_offset: n }),
    )
    await under.store.insert({ events: [], attempts, token: "t/many" })
    await under.store.insert({ events: [], attempts, token: "t/many" })
    expect(await under.rows("SELECT count() AS n FROM delivery_attempts WHERE application_id = 'app_many'")).toEqual([{ n: "10000" }])
  })

  it("an engine that is killed in the middle of inserts loses no acknowledged row", async ({ skip }) => {
    const { kill } = under
    if (kill === undefined) return skip("this engine cannot be killed from here")
    const application_id = "app_killed"
    let refused = 0
    for (let n = 0; n < 30; n++) {
      const batch = { events: [], attempts: [attempt({ application_id, delivery_id: `dlv_${n}` })], token: `t/killed/${n}` }
      const inserted = eventually(
        () =>
          under.store.insert(batch).catch((error: unknown) => {
            refused++
            throw error
          }),
        { timeoutMs: 60_000 },
      )
      if (n % 10 === 5) kill()
      await inserted
    }
    expect(refused).toBeGreaterThan(0)
    expect(await under.totals(application_id)).toMatchObject({ attempts: 30, delivered: 30 })
  })
}
