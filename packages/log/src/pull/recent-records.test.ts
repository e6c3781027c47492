import fc from "fast-check"
import { expect, test } from "vitest"
import type { LogRecord } from "../event-log.ts"
import { RecentRecords } from "./recent-records.ts"

const recordAt = (partition: number, offset: number, size = 1): LogRecord => ({
  topic: "events",
  partition,
  offset,
  key: "k",
  value: new Uint8Array(size),
  appendedAtMs: 0,
})

test("answers what the log holds from any offset on, or nothing at all, never a gap", () => {
  const step = fc.record({ partition: fc.nat(1), others: fc.nat(2), count: fc.integer({ min: 1, max: 5 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.nat(80), fc.integer({ min: 1, max: 10 }), (steps, from, records) => {
      const recent = new RecentRecords()
      const next = [0, 0]
      for (const { partition, others, count } of steps) {
        // Somebody else's records are in the log and not here.
        const first = (next[partition] ?? 0) + others
        recent.add(Array.from({ length: count }, (_, index) => recordAt(partition, first + index)))
        next[partition] = first + count
      }
      const found = recent.read({ topic: "events", partition: 0, from, records, bytes: 1000 })
      if (found === undefined) return
      expect(found.length).toBeGreaterThan(0)
      expect(found.map(({ offset }) => offset)).toEqual(
        Array.from({ length: Math.min(records, (next[0] ?? 0) - from) }, (_, index) => from + index),
      )
    }),
  )
})

test("keeps a bounded number of records and bytes, the latest", () => {
  const recent = new RecentRecords()
  for (let offset = 0; offset < 100; offset++) recent.add([recordAt(0, offset, 256 * 1024)])
  expect(recent.read({ topic: "events", partition: 0, from: 0, records: 1, bytes: 1 })).toBeUndefined()
  expect(recent.read({ topic: "events", partition: 0, from: 99, records: 10, bytes: 1 })).toHaveLength(1)
})
