import fc from "fast-check"
import { expect, test } from "vitest"
import * as limits from "../limits.ts"
import { DueQueue } from "./due-queue.ts"
import { FairLanes, type LaneRules } from "./fair-lanes.ts"

const free: LaneRules = { concurrencyMax: 64, intervalMs: 0 }
const entry = (laneId: string, value: string, more: Partial<Parameters<FairLanes<string>["put"]>[0]> = {}) => ({
  laneId,
  ownerId: `owner of ${laneId}`,
  laneClass: "live" as const,
  rules: free,
  value,
  ...more,
})

function takeAll(lanes: FairLanes<string>, nowMs = 0): string[] {
  const values: string[] = []
  for (let next = lanes.take(nowMs); next; next = lanes.take(nowMs)) values.push(next.value)
  return values
}

test("an owner with a long queue does not keep another waiting", () => {
  const lanes = new FairLanes<string>()
  for (let index = 0; index < 100; index++) lanes.put(entry(`big${index % 20}`, "big", { ownerId: "big" }), 0)
  lanes.put(entry("small", "small"), 0)
  expect([lanes.take(0)?.value, lanes.take(0)?.value]).toContain("small")
})

test("a lane that fails shrinks to one and grows back", () => {
  const lanes = new FairLanes<string>()
  for (let index = 0; index < 100; index++) lanes.put(entry("a", "a"), 0)
  expect(takeAll(lanes)).toHaveLength(8)
  for (let index = 0; index < 8; index++) lanes.done("a", { pace: "shrink" }, 0)
  expect(takeAll(lanes)).toHaveLength(1)
  lanes.done("a", { pace: "grow" }, 0)
  expect(takeAll(lanes)).toHaveLength(2)
})

test("lanes that were trusted and begin to hang hold little, so that others still start; with an answer they go on at once", () => {
  const lanes = new FairLanes<string>()
  const hanging = ["a", "b"]
  for (const lane of hanging) {
    for (let index = 0; index < limits.LANE_CONCURRENCY_MAX; index++) {
      lanes.put(entry(lane, "answered"), 0)
      lanes.take(0)
      lanes.done(lane, { pace: "grow" }, 0)
    }
  }
  let started = 0
  for (let nowMs = 0; nowMs < limits.ATTEMPT_TIMEOUT_MS_DEFAULT; nowMs += 200) {
    for (const lane of hanging) lanes.put(entry(lane, "hangs"), nowMs)
    started += takeAll(lanes, nowMs).length
  }
  expect(started).toBeLessThan(limits.ATTEMPTS_IN_FLIGHT_MAX / 2)
  lanes.done("a", { pace: "grow" }, limits.ATTEMPT_TIMEOUT_MS_DEFAULT)
  expect(takeAll(lanes, limits.ATTEMPT_TIMEOUT_MS_DEFAULT).length).toBeGreaterThan(limits.LANE_CONCURRENCY_DEFAULT)
})

test("a lane that has rested starts as much as it ever did", () => {
  const lanes = new FairLanes<string>()
  lanes.put(entry("a", "first"), 0)
  lanes.take(0)
  lanes.done("a", { pace: "keep" }, 0)
  for (let index = 0; index < 20; index++) lanes.put(entry("a", "later"), 3_600_000)
  expect(takeAll(lanes, 3_600_000)).toHaveLength(limits.LANE_CONCURRENCY_DEFAULT)
})

test("the lower class gets a tenth when there is more than enough to do, and all when there is nothing else", () => {
  const lanes = new FairLanes<string>()
  for (let index = 0; index < 200; index++) lanes.put(entry(`l${index}`, "live"), 0)
  for (let index = 0; index < 50; index++) lanes.put(entry(`b${index}`, "bulk", { laneClass: "bulk" }), 0)
  const first = Array.from({ length: 100 }, () => lanes.take(0)?.value)
  expect(first.filter((value) => value === "bulk")).toHaveLength(10)
  expect(takeAll(lanes)).toHaveLength(150)
})

test("a rate limit spaces starts, and a lane that is told to wait waits", () => {
  const lanes = new FairLanes<string>()
  for (let index = 0; index < 5; index++) lanes.put(entry("a", "a", { rules: { concurrencyMax: 64, intervalMs: 100 } }), 0)
  expect([takeAll(lanes, 0), takeAll(lanes, 99), takeAll(lanes, 100), lanes.nextAtMs()]).toEqual([["a"], [], ["a"], 200])
  lanes.done("a", { pace: "keep", notBeforeMs: 1000 }, 150)
  expect(takeAll(lanes, 999)).toEqual([])
  expect(takeAll(lanes, 1000)).toEqual(["a"])
})

test("a lane that cannot keep up is emptied of what waits, and nothing is lost or repeated", () => {
  const lanes = new FairLanes<string>()
  for (let index = 0; index < 300; index++) lanes.put(entry("a", `${index}`), 0)
  const started = takeAll(lanes)
  expect(lanes.takeOverdue(1000)).toEqual([])
  expect([...started, ...lanes.takeOverdue(1001)].toSorted()).toEqual(Array.from({ length: 300 }, (_, index) => `${index}`).toSorted())
  expect(takeAll(lanes, 2000)).toEqual([])
})

test("a crowded lane that answers keeps what it gets done in two seconds, oldest first", () => {
  const lanes = new FairLanes<string>()
  lanes.takeOverdue(0)
  for (let index = 0; index < 300; index++) lanes.put(entry("a", `${index}`), 0)
  const started = takeAll(lanes)
  for (const _ of started) {
    lanes.heard("a", 1001)
    lanes.done("a", { pace: "keep" }, 1001)
  }
  // Eight answers in 1.001 s are 15 in two.
  expect(lanes.takeOverdue(1001)).toEqual(Array.from({ length: 300 - 8 - 15 }, (_, index) => `${index + 8 + 15}`))
})

test("time in which we held lanes up does not count against their pace", () => {
  const lanes = new FairLanes<string>()
  lanes.takeOverdue(0)
  for (let index = 0; index < 300; index++) lanes.put(entry("a", "a"), 0)
  lanes.restart(9000)
  for (let index = 0; index < 150; index++) lanes.heard("a", 10_000)
  expect(lanes.takeOverdue(10_000)).toEqual([])
})

test("everything that is put is taken exactly once, within the lanes' limits, whatever the order of events", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("put" as const), lane: fc.nat(5), bulk: fc.boolean() }),
    fc.record({ do: fc.constant("take" as const) }),
    fc.record({
      do: fc.constant("done" as const),
      pace: fc.constantFrom("grow" as const, "shrink" as const, "keep" as const),
      wait: fc.nat(50),
    }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const lanes = new FairLanes<string>()
      const active: string[] = []
      let [put, taken, nowMs] = [0, 0, 0]
      for (const each of steps) {
        nowMs++
        if (each.do === "put")
          lanes.put(
            entry(`${each.lane}`, `${put++}`, {
              laneClass: each.bulk ? "bulk" : "live",
              rules: { concurrencyMax: 3, intervalMs: each.lane },
            }),
            nowMs,
          )
        const next = each.do === "take" ? lanes.take(nowMs) : undefined
        if (next) {
          taken++
          active.push(next.laneId)
          expect(active.filter((id) => id === next.laneId).length).toBeLessThanOrEqual(3)
        }
        const ended = each.do === "done" ? active.shift() : undefined
        if (ended !== undefined && each.do === "done") lanes.done(ended, { pace: each.pace, notBeforeMs: nowMs + each.wait }, nowMs)
      }
      for (const id of active) lanes.done(id, { pace: "keep" }, nowMs)
      for (let idle = 0; idle < 100; idle++) {
        nowMs += 10
        for (let next = lanes.take(nowMs); next; next = lanes.take(nowMs)) {
          taken++
          lanes.done(next.laneId, { pace: "grow" }, nowMs)
        }
      }
      expect(taken).toBe(put)
    }),
  )
})

test("the due queue gives back what is due, earliest first", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50)), fc.nat(50), (times, nowMs) => {
      const queue = new DueQueue<number>()
      times.forEach((atMs, index) => queue.add(atMs, index))
      const taken: number[] = []
      for (let next = queue.take(nowMs); next !== undefined; next = queue.take(nowMs)) taken.push(next)
      const expected = times.map((atMs, index) => [atMs, index] as const).filter(([atMs]) => atMs <= nowMs)
      expect(taken).toEqual(expected.toSorted(([a, i], [b, j]) => a - b || i - j).map(([, index]) => index))
    }),
  )
})
