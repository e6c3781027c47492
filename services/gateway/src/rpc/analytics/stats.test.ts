import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import type { AnalyticsStore } from "@posthorn/analytics"
import { createClickHouseAnalytics } from "@posthorn/analytics/clickhouse"
import { startEmbeddedClickHouse, type EmbeddedClickHouse } from "@posthorn/analytics/embedded"
import { attemptIdOf } from "@posthorn/core"
import { DeliveryState, ErrorClass, Outcome } from "@posthorn/proto"
import { afterAll, beforeAll, expect, test } from "vitest"
import { deliveriesOf, NOW_MS, ok, type Sent, type Tenant } from "../../deliveries-under-test.ts"
import { startInstallation, type GatewayUnderTest, type Installation } from "../../gateway-under-test.ts"
import { analyze, project } from "../../projecting-under-test.ts"

const HOUR_MS = 3_600_000
const SPAN = `since=${new Date(NOW_MS - HOUR_MS).toISOString()}&until=${new Date(NOW_MS + HOUR_MS).toISOString()}`

let dataDir: string
let engine: EmbeddedClickHouse
let analytics: AnalyticsStore
let installation: Installation
let gateway: GatewayUnderTest
let mine: Tenant
let other: Tenant

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "posthorn-stats-"))
  ;[engine, installation] = await Promise.all([startEmbeddedClickHouse({ dataDir }), startInstallation()])
  analytics = createClickHouseAnalytics({ url: engine.url, retentionDays: 90 })
  gateway = await installation.gateway({ analytics })
  const api = deliveriesOf(installation, gateway)
  mine = await api.tenant()
  other = await api.tenant()
  await api.post(`/v1/subscriptions/${other.subscription}:disable`)

  const ended = async (
    to: Sent,
    number: number,
    end: Partial<{ state: DeliveryState; statusCode: number; errorClass: ErrorClass; durationMs: number }>,
  ) => {
    const { state = DeliveryState.DELIVERED, statusCode = 200, errorClass = ErrorClass.UNSPECIFIED, durationMs = 100 } = end
    const at = timestampFromMs(timestampMs(to.facts.createdAt!) + number * 1000)
    const outcome = state === DeliveryState.DELIVERED ? Outcome.DELIVERED : Outcome.FAILED
    const times = { scheduledAt: at, startedAt: at, finishedAt: at, durationMs }
    const attempt = { id: attemptIdOf(to.id, number), number, outcome, statusCode, errorClass, ...times }
    await api.outcome(to, { case: "finished", value: { delivery: to.facts, round: 1, attempt, state } })
  }
  const failed = { state: DeliveryState.RETRYING, statusCode: 503, errorClass: ErrorClass.STATUS }
  const [first, second, third] = [await api.sent(mine), await api.sent(mine), await api.sent(mine)]
  await ended(first, 1, failed)
  await ended(first, 2, {})
  await ended(second, 1, { ...failed, statusCode: 0, errorClass: ErrorClass.TIMEOUT, durationMs: 5000 })
  await api.attempted(third, 1, DeliveryState.DEAD)
  await api.sent(mine)
  await ended(await api.sent(other), 1, {})
  await project(installation.log, installation.store)
  await analyze(installation.log, analytics)
}, 120_000)

afterAll(async () => {
  await gateway?.stop()
  await installation?.stop()
  await analytics?.close()
  await engine?.stop()
  await rm(dataDir, { recursive: true, force: true })
})

const ask = async (path: string, key?: string) => gateway.ask(`GET ${path}`, key === undefined ? {} : { key })

test("the statistics of an application tell of its events, attempts, failures, deliveries and dead letters", async () => {
  const stats = ok(await ask(`/v1/stats?${SPAN}`, mine.viewer))
  expect(stats).toMatchObject({
    since: new Date(NOW_MS - HOUR_MS).toISOString(),
    events: 4,
    attempts: { total: 4, delivered: 1, failed: 3, dead: 1, successRate: 0.25, durationMs: { average: 1300 } },
    deliveries: { scheduled: 1, retrying: 1, delivered: 1, dead: 1, cancelled: 0 },
    subscriptions: { active: 1, total: 1 },
    openDeadLetters: 1,
    lagRecords: expect.any(Number),
  })
  expect(stats.attempts.durationMs.p50 / 100).toBeCloseTo(1, 1)
  expect(stats.attempts.timeToDeliverMs.p95 / 2000).toBeCloseTo(1, 1)
  expect(stats.failures).toHaveLength(2)
  expect(stats.failures).toEqual(
    expect.arrayContaining([
      { errorClass: "status", failed: 1 },
      { errorClass: "timeout", failed: 1 },
    ]),
  )
})

test("the operator sees the whole installation, or one application of it", async () => {
  expect(ok(await ask(`/v1/stats?${SPAN}`))).toMatchObject({ events: 5, attempts: { total: 5 }, subscriptions: { active: 1, total: 2 } })
  const one = ok(await ask(`/v1/stats?${SPAN}&applicationId=${other.application}`))
  expect(one).toMatchObject({
    events: 1,
    attempts: { total: 1, successRate: 1 },
    failures: [],
    deliveries: { scheduled: 0, delivered: 1 },
    subscriptions: { active: 0, total: 1 },
    openDeadLetters: 0,
  })
})

test("by default the last 24 hours are told of, and nothing is said of what did not happen", async () => {
  const stats = ok(await ask("/v1/stats?until=2001-01-02T00:00:00Z", mine.viewer))
  expect(stats).toMatchObject({ since: "2001-01-01T00:00:00Z", events: 0, attempts: { total: 0, delivered: 0, failed: 0 }, failures: [] })
  expect(Object.keys(stats.attempts).toSorted()).toEqual(["dead", "delivered", "failed", "total"])
})

test("a subscription has statistics of its own", async () => {
  const stats = ok(await ask(`/v1/subscriptions/${mine.subscription}/stats?${SPAN}`, mine.viewer))
  expect(stats).toMatchObject({ attempts: { total: 4 }, deliveries: { scheduled: 1, dead: 1 }, openDeadLetters: 1 })
  expect(stats).not.toHaveProperty("events")
  expect(ok(await ask(`/v1/subscriptions/${other.subscription}/stats?${SPAN}`))).toMatchObject({
    attempts: { total: 1 },
    openDeadLetters: 0,
  })
})

test("a timeseries has a point for every step, zeros included, of every metric asked for", async () => {
  const metrics = "metrics=events&metrics=failed&metrics=duration_p95&metrics=success-rate"
  const answer = ok(await ask(`/v1/analytics/timeseries?${SPAN}&stepSeconds=60&${metrics}`, mine.viewer))
  expect(answer.stepSeconds).toBe(60)
  expect(answer.series.map(({ metric }: { metric: string }) => metric)).toEqual(["events", "failed", "duration-p95", "success-rate"])
  const [events, failures, durations] = answer.series.map(({ points }: { points: { start: string; value?: number }[] }) => points)
  const sum = (points: { value?: number }[]) => points.reduce((total, { value = 0 }) => total + value, 0)
  expect([events.length, failures.length]).toEqual([Math.ceil(NOW_MS / 60_000) === NOW_MS / 60_000 ? 120 : 121, events.length])
  expect([sum(events), sum(failures)]).toEqual([4, 3])
  expect(events.filter(({ value }: { value?: number }) => value === 0).length).toBeGreaterThan(100)
  expect(durations[0]).toEqual({ start: events[0].start })
  const narrow = ok(await ask(`/v1/analytics/timeseries?${SPAN}&subscriptionId=${mine.subscription}&type=order.made`, mine.viewer))
  expect(narrow.series.map(({ metric, points }: { metric: string; points: { value?: number }[] }) => [metric, sum(points)])).toEqual([
    ["attempts", 4],
    ["delivered", 1],
    ["failed", 3],
  ])
  expect(narrow.stepSeconds).toBe(3600)
})

test("what comes first is answered by subscription, type, error class and status code", async () => {
  const top = async (query: string, key?: string) =>
    ok(await ask(`/v1/analytics/top?${SPAN}&${query}`, key)).rows.map((row: { key: string; attempts: { total: number } }) => [
      row.key,
      row.attempts.total,
    ])
  expect(await top("by=subscription")).toEqual([
    [mine.subscription, 4],
    [other.subscription, 1],
  ])
  expect(await top("by=subscription&orderBy=success-rate&limit=1")).toEqual([[mine.subscription, 4]])
  expect(await top("by=subscription", mine.viewer)).toEqual([[mine.subscription, 4]])
  expect(await top("by=event_type&orderBy=attempts", mine.viewer)).toEqual([["order.made", 4]])
  expect(await top("by=error-class&orderBy=duration-p95", mine.viewer)).toMatchObject({ 0: ["timeout", 1], 1: ["status", 1] })
  expect(await top("by=status_code", mine.viewer)).toMatchObject({ 0: ["503", 2], 1: ["0", 1] })
})

test("nothing of another application is told, and what is unknown looks the same", async () => {
  for (const path of [
    `/v1/stats?applicationId=${other.application}`,
    "/v1/stats?applicationId=app_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    `/v1/subscriptions/${other.subscription}/stats`,
    `/v1/analytics/timeseries?subscriptionId=${other.subscription}`,
    `/v1/analytics/top?by=subscription&subscriptionId=${other.subscription}`,
    `/v1/analytics/top?by=subscription&applicationId=${other.application}`,
  ]) {
    expect([path, (await ask(path, mine.admin)).status]).toEqual([path, 404])
  }
})

test("a question without bounds or sense is refused with the field that is wrong", async () => {
  const spread = `since=2026-01-01T00:00:00Z&until=2026-06-01T00:00:00Z`
  for (const [path, field] of [
    ["/v1/stats?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "since"],
    ["/v1/stats?since=2020-01-01T00:00:00Z&until=2026-01-01T00:00:00Z", "since"],
    ["/v1/stats?since=0001-01-01T00:00:00Z&until=0001-01-02T00:00:00Z", "since"],
    ["/v1/stats?until=9999-01-01T00:00:00Z", "since"],
    [`/v1/analytics/timeseries?${spread}&stepSeconds=60`, "step_seconds"],
    ["/v1/analytics/timeseries?stepSeconds=59", "step_seconds"],
    ["/v1/analytics/timeseries?stepSeconds=86401", "step_seconds"],
    ["/v1/analytics/timeseries?metrics=payload", "metrics"],
    ["/v1/analytics/top", "by"],
    ["/v1/analytics/top?by=subscription&limit=101", "limit"],
    ["/v1/analytics/top?by=subscription&orderBy=events", "order_by"],
    ["/v1/analytics/top?by=application_id", "by"],
  ] as const) {
    const answer = await ask(path, mine.viewer)
    expect([path, answer.status, answer.body.details?.[0]?.field]).toEqual([path, 400, field])
  }
})

test("while ClickHouse is away statistics answer 503 with Retry-After, and everything else goes on", async () => {
  const away = createClickHouseAnalytics({ url: "http://127.0.0.1:1", retentionDays: 90 })
  const lonely = await installation.gateway({ analytics: away })
  for (const path of [
    "/v1/stats",
    `/v1/subscriptions/${mine.subscription}/stats`,
    "/v1/analytics/timeseries",
    "/v1/analytics/top?by=subscription",
  ]) {
    const answer = await lonely.ask(`GET ${path}`)
    expect([path, answer.status, answer.headers.get("retry-after"), answer.body.code]).toEqual([path, 503, "1", "unavailable"])
  }
  expect((await lonely.ask("GET /v1/deliveries")).status).toBe(200)
  await lonely.stop()
  await away.close()
})
