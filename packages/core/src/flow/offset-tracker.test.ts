import * as fc from "fast-check"
import { expect, test } from "vitest"
import { OffsetTracker } from "./offset-tracker.ts"

/** The same by brute force: a list of what was handed over. */
class Model {
  readonly #start: number
  readonly #list: { offset: number; bytes: number; finished: boolean }[] = []

  constructor(start: number) {
    this.#start = start
  }

  handOver(offset: number, bytes: number): void {
    this.#list.push({ offset, bytes, finished: false })
  }

  finish(offset: number): boolean {
    const found = this.#list.find((entry) => entry.offset === offset && !entry.finished)
    if (found !== undefined) found.finished = true
    return found !== undefined
  }

  facts() {
    const holding = this.#list.findIndex((entry) => !entry.finished)
    const run = holding === -1 ? this.#list.length : holding
    const open = this.#list.filter((entry) => !entry.finished)
    return {
      next: run === 0 ? this.#start : (this.#list[run - 1]?.offset ?? 0) + 1,
      unfinished: open.length,
      unfinishedBytes: open.reduce((sum, entry) => sum + entry.bytes, 0),
      span: this.#list.length - run,
    }
  }
}

const step = fc.oneof(
  fc.record({ do: fc.constant("handOver" as const), hole: fc.integer({ min: 0, max: 3 }), bytes: fc.nat(100) }),
  fc.record({ do: fc.constant("finish" as const), offset: fc.nat(60) }),
)

test("it agrees with a list searched by brute force, whatever the holes and the order of finishing", () => {
  fc.assert(
    fc.property(fc.nat(10), fc.array(step, { maxLength: 120 }), (start, steps) => {
      const tracker = new OffsetTracker(start)
      const model = new Model(start)
      let offset = start
      for (const each of steps) {
        if (each.do === "handOver") {
          offset += each.hole
          tracker.handOver(offset, each.bytes)
          model.handOver(offset, each.bytes)
          offset++
        } else {
          expect(tracker.finish(each.offset)).toBe(model.finish(each.offset))
        }
        const { next, unfinished, unfinishedBytes, span } = tracker
        expect({ next, unfinished, unfinishedBytes, span }).toEqual(model.facts())
      }
    }),
    { numRuns: 300 },
  )
})

test("an offset that does not grow is a mistake", () => {
  const tracker = new OffsetTracker(0)
  tracker.handOver(5, 1)
  expect(() => tracker.handOver(5, 1)).toThrow("handed over after")
})
