import fc from "fast-check"
import { expect, test } from "vitest"
import * as limits from "../limits.ts"
import { DueQueue } from "./due-queue.ts"
import { FairLanes, type LaneRules } from "./fair-lanes.ts"

const free: LaneRules = { concurrencyMax: 64, intervalMs: 0, burst: 1, ageMsMax: limits.LANE_AGE_MS_MAX }
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

const overdueOf = (lanes: FairLanes<string>, nowMs: number): string[] => lanes.takeOverdue(nowMs).map(({ value }) => value)

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
  for (let index = 0; index < 5; index++) lanes.put(entry("a", "a", { rules: { ...free, intervalMs: 100 } }), 0)
  expect([takeAll(lanes, 0), takeAll(lanes, 99), takeAll(lanes, 100), lanes.nextAtMs()]).toEqual([["a"], [], ["a"], 200])
  lanes.done("a", { pace: "keep", notBeforeMs: 1000 }, 150)
  expect(takeAll(lanes, 999)).toEqual([])
  expect(takeAll(lanes, 1000)).toEqual(["a"])
})

test("a rate limit is kept exactly over time, though every start is late and the two classes share it", () => {
  const lanes = new FairLanes<string>()
  const rules = { ...free, intervalMs: 20 }
  for (let index = 0; index < 400; index++) lanes.put(entry("a", "a", { rules, laneClass: index % 2 === 0 ? "live" : "bulk" }), 0)
  let started = 0
  for (let nowMs = 0; nowMs < 4000; nowMs += 7) {
    for (const _ of takeAll(lanes, nowMs)) {
      started++
      lanes.done("a", { pace: "grow" }, nowMs)
    }
  }
  expect(started).toBe(200)
})

test("after a rest a rate limit lets its burst go at once and no more, and a lane without work saves nothing up beyond it", () => {
  const lanes = new FairLanes<string>()
  const rules = { ...free, intervalMs: 100, burst: 3 }
  for (let index = 0; index < 8; index++) lanes.put(entry("a", "a", { rules }), 10_000)
  expect([10_000, 10_099, 10_100, 10_199, 10_200].map((nowMs) => takeAll(lanes, nowMs).length)).toEqual([3, 0, 1, 0, 1])
})

test("a lane with a closed door keeps one for the door's opening and says of the others when it will come to them", () => {
  const lanes = new FairLanes<string>()
  for (let index = 0; index < 5; index++) lanes.put(entry("a", `${index}`, { closedUntilMs: 10_000 }), 0)
  expect(takeAll(lanes, 0)).toEqual([])
  expect(lanes.takeOverdue(500)).toEqual(["1", "2", "3", "4"].map((value) => ({ value, heldMs: 9500, turnMs: undefined })))
  expect([takeAll(lanes, 9999), takeAll(lanes, 10_000)]).toEqual([[], ["0"]])
  for (let index = 5; index < 8; index++) lanes.put(entry("a", `${index}`), 10_001)
  expect(takeAll(lanes, 10_001)).toEqual([])
  lanes.done("a", { pace: "grow" }, 10_002)
  expect(takeAll(lanes, 10_002)).toEqual(["5", "6"])
})

test("a lane whose door is opened before its time goes on at once, one at a time until something succeeds; others stay shut", () => {
  const lanes = new FairLanes<string>()
  for (const value of ["0", "1", "2"]) lanes.put(entry("a", value, { closedUntilMs: 60_000 }), 0)
  lanes.put(entry("b", "other", { closedUntilMs: 60_000 }), 0)
  expect(takeAll(lanes, 5000)).toEqual([])
  lanes.reopen("a", 5000)
  expect(takeAll(lanes, 5000)).toEqual(["0"])
  lanes.done("a", { pace: "grow" }, 5500)
  expect(takeAll(lanes, 5500)).toEqual(["1", "2"])
  expect([lanes.nextAtMs(), takeAll(lanes, 60_000)]).toEqual([60_000, ["other"]])
})

test("what a limited lane puts off comes back when its turn is", () => {
  const lanes = new FairLanes<string>()
  lanes.takeOverdue(0)
  for (let index = 0; index < 300; index++) lanes.put(entry("a", `${index}`, { rules: { ...free, intervalMs: 100 } }), 0)
  const put = lanes.takeOverdue(1500)
  // Two seconds' worth stay.
  expect([put[0], put.at(-1)]).toEqual([
    { value: "20", heldMs: 0, turnMs: 2000 },
    { value: "299", heldMs: 0, turnMs: 29_900 },
  ])
  expect(lanes.waiting("a")).toBe(20)
  expect(lanes.drain("a")).toHaveLength(20)
  expect([lanes.waiting("a"), takeAll(lanes, 5000)]).toEqual([0, []])
})

test("a lane that cannot keep up is emptied of what waits, and nothing is lost or repeated", () => {
  const lanes = new FairLanes<string>()
  for (let index = 0; index < 300; index++) lanes.put(entry("a", `${index}`), 0)
  const started = takeAll(lanes)
  expect(lanes.takeOverdue(1000)).toEqual([])
  expect([...started, ...overdueOf(lanes, 1001)].toSorted()).toEqual(Array.from({ length: 300 }, (_, index) => `${index}`).toSorted())
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
  expect(overdueOf(lanes, 1001)).toEqual(Array.from({ length: 300 - 8 - 15 }, (_, index) => `${index + 8 + 15}`))
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
              rules: { ...free, concurrencyMax: 3, intervalMs: each.lane, burst: 1 + (each.lane % 2) },
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
