import { setTimeout as sleep } from "node:timers/promises"
import fc from "fast-check"
import { expect, test } from "vitest"
import { createSteadyClock, systemClock, type ClockJump } from "./clock.ts"

const HOUR_MS = 3_600_000
const START_MS = Date.UTC(2030, 0, 1)
const SLEW = 0.005

/** A machine whose clocks do as they are told. */
class Machine {
  monotonic = 5000
  wall = START_MS
  /** Time in suspension. */
  suspended = 0
  /** Runs between two readings of the clocks. */
  betweenReadingsMs = 0
  readonly jumps: ClockJump[] = []
  readonly clock = createSteadyClock({
    wallMs: () => {
      this.run(this.betweenReadingsMs)
      this.betweenReadingsMs = 0
      return this.wall
    },
    monotonicMs: () => this.monotonic,
    // Hundredths of a second, as Linux tells them.
    uptimeMs: () => Math.floor((this.monotonic + this.suspended) / 10) * 10,
  })

  constructor() {
    this.clock.onJump((jump) => this.jumps.push(jump))
  }

  run(ms: number): void {
    this.monotonic += ms
    this.wall += ms
  }

  suspend(ms: number): void {
    this.wall += ms
    this.suspended += ms
  }

  /** Time on the clock since the start, after so many milliseconds during which it was asked every second. */
  passed(ms = 0): number {
    for (let left = ms; left > 0; left -= 1000) {
      this.run(Math.min(left, 1000))
      this.clock.nowMs()
    }
    return this.clock.nowMs() - START_MS
  }
}

test.each([HOUR_MS, -HOUR_MS, 2500, -2500])("does not go along when the system's clock is set by %i ms, and says so once", (byMs) => {
  const machine = new Machine()
  machine.wall += byMs
  expect(machine.passed(60_000)).toBe(60_000)
  expect(machine.clock.wallMs()).toBe(START_MS + 60_000 + byMs)
  expect(machine.jumps).toEqual([{ byMs, offsetMs: byMs }])
  machine.wall -= byMs
  expect(machine.passed(60_000)).toBe(120_000)
  expect(machine.jumps.slice(1)).toEqual([{ byMs: -byMs, offsetMs: 0 }])
})

test("does not go along when nobody asks for hours", () => {
  const machine = new Machine()
  machine.run(5 * HOUR_MS)
  machine.wall -= HOUR_MS
  expect(machine.passed()).toBe(5 * HOUR_MS)
})

test.each([1500, -1500])("makes up for a difference of %i ms gradually, and goes on beside the system's clock", (byMs) => {
  const machine = new Machine()
  machine.wall += byMs
  expect(Math.abs(machine.passed(100_000) - (100_000 + Math.sign(byMs) * 500))).toBeLessThan(10)
  machine.passed(400_000)
  expect(machine.clock.nowMs()).toBe(machine.wall)
  // However long nobody asks, it goes no further.
  machine.run(HOUR_MS)
  expect(machine.clock.nowMs()).toBe(machine.wall)
  expect(machine.jumps).toEqual([])
})

test("counts the time in which the machine was suspended, but not a jump beside it", () => {
  const machine = new Machine()
  machine.suspend(8 * HOUR_MS)
  expect(Math.abs(machine.passed(1000) - (8 * HOUR_MS + 1000))).toBeLessThan(20)
  expect(machine.jumps).toEqual([])
  machine.suspend(HOUR_MS)
  machine.wall += HOUR_MS
  expect(Math.abs(machine.passed(1000) - (9 * HOUR_MS + 2000))).toBeLessThan(20)
  expect(machine.jumps).toHaveLength(1)
})

test("believes in no suspension that only the uptime tells of", () => {
  const machine = new Machine()
  machine.suspended += HOUR_MS
  expect(machine.passed(1000)).toBe(1000)
})

test("takes standing still between two readings for no jump", () => {
  const machine = new Machine()
  machine.run(1000)
  machine.betweenReadingsMs = HOUR_MS
  machine.clock.nowMs()
  expect(Math.abs(machine.passed(60_000) - (HOUR_MS + 61_000))).toBeLessThan(20)
  expect(machine.jumps).toEqual([])
})

const jump = fc.oneof(fc.constant(0), fc.integer({ min: -3000, max: 3000 }), fc.integer({ min: -2 * HOUR_MS, max: 2 * HOUR_MS }))
const step = fc.record({ runMs: fc.double({ min: 0, max: 20_000, noNaN: true }), jumpMs: jump })

test("whatever the system's clock does, time goes on, neither faster nor slower than it may", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const machine = new Machine()
      let before = machine.clock.nowMs()
      for (const { runMs, jumpMs } of steps) {
        machine.run(runMs)
        machine.wall += jumpMs
        const now = machine.clock.nowMs()
        expect(now).toBeGreaterThanOrEqual(before)
        expect(now - before).toBeGreaterThanOrEqual(runMs * (1 - SLEW) - 1)
        expect(now - before).toBeLessThanOrEqual(runMs * (1 + SLEW) + 1)
        before = now
      }
    }),
  )
})

test("whatever the system's clock does, suspension adds no more than it lasted", () => {
  const suspending = fc.tuple(step, fc.oneof(fc.constant(0), fc.integer({ min: 0, max: HOUR_MS })))
  fc.assert(
    fc.property(fc.array(suspending, { maxLength: 100 }), (steps) => {
      const machine = new Machine()
      let [before, most] = [START_MS, START_MS]
      for (const [{ runMs, jumpMs }, suspendMs] of steps) {
        machine.run(runMs)
        machine.suspend(suspendMs)
        machine.wall += jumpMs
        // The uptime is told in hundredths of a second.
        most += runMs * (1 + SLEW) + suspendMs + 10
        const now = machine.clock.nowMs()
        expect(now).toBeGreaterThanOrEqual(before)
        expect(now).toBeLessThanOrEqual(most)
        before = now
      }
    }),
  )
})

test("the machine's own clock is the system's as long as nothing moves that", async () => {
  await sleep(20)
  const [before, now, after] = [systemClock.wallMs(), systemClock.nowMs(), systemClock.wallMs()]
  expect(now).toBeGreaterThan(before - 2000)
  expect(now).toBeLessThan(after + 2000)
  expect(Number.isInteger(now)).toBe(true)
})
