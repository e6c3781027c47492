import type { LogRecord, OwnedPartition } from "@posthorn/log"
import { expect, test } from "vitest"
import { RecordQueue } from "./record-queue.ts"

const ALL = { recordsMax: 1000, bytesMax: 1000 }
const partitionOf = (partition: number): OwnedPartition => ({
  topic: "events",
  partition,
  signal: new AbortController().signal,
  finish: () => undefined,
  seek: () => undefined,
})
const records = (partition: number, ...offsets: readonly number[]): LogRecord[] =>
  offsets.map((offset) => ({ topic: "events", partition, offset, key: "", value: new Uint8Array(10), appendedAtMs: 0 }))
const shown = (stretches: ReturnType<RecordQueue["take"]>) =>
  stretches.map(({ partition, first, next, records: taken }) => [partition.partition, first, next, taken.map(({ offset }) => offset)])

test("a stretch begins where the one before ended, and the first where the store is, whatever holes the offsets have", () => {
  const queue = new RecordQueue()
  const partition = partitionOf(0)
  queue.restart(partition, 3)
  queue.add(partition, records(0, 5, 6, 9))
  expect(shown(queue.take({ ...ALL, recordsMax: 2 }))).toEqual([[0, 3, 7, [5, 6]]])
  queue.add(partition, records(0, 12))
  expect(shown(queue.take(ALL))).toEqual([[0, 7, 13, [9, 12]]])
  expect(shown(queue.take(ALL))).toEqual([])
})

test("partitions take turns within the bounds, and one record goes however large it is", () => {
  const queue = new RecordQueue()
  const [a, b] = [partitionOf(0), partitionOf(1)]
  queue.add(a, records(0, 0, 1, 2, 3))
  queue.add(b, records(1, 0, 1, 2))
  expect([queue.records, queue.bytes]).toEqual([7, 70])
  expect(shown(queue.take({ recordsMax: 3, bytesMax: 1000 }))).toEqual([[0, 0, 3, [0, 1, 2]]])
  expect(shown(queue.take({ recordsMax: 1000, bytesMax: 5 }))).toEqual([[1, 0, 1, [0]]])
  expect(shown(queue.take(ALL))).toEqual([
    [0, 3, 4, [3]],
    [1, 1, 3, [1, 2]],
  ])
  expect([queue.records, queue.bytes]).toEqual([0, 0])
})

test("what waited is forgotten when a partition begins again or is given up", () => {
  const queue = new RecordQueue()
  const [a, b] = [partitionOf(0), partitionOf(1)]
  queue.add(a, records(0, 7, 8))
  queue.add(b, records(1, 4))
  queue.restart(a, 2)
  queue.close(b)
  expect([queue.records, queue.bytes]).toEqual([0, 0])
  queue.add(a, records(0, 2))
  expect(shown(queue.take(ALL))).toEqual([[0, 2, 3, [2]]])
})
