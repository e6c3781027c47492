import { limits } from "@posthorn/core"
import { eventually } from "@posthorn/testkit"
import { expect, test } from "vitest"
import { AppendBatcher, type AppendBatcherOptions, type PlacedRecord } from "./append-batcher.ts"
import { LogUnavailable, type NewRecord, type Position } from "./event-log.ts"

/** A write that is answered by hand. */
function batcherByHand(options: Partial<AppendBatcherOptions> = {}) {
  const writes: { readonly names: readonly string[]; readonly succeed: () => void; readonly fail: (error: unknown) => void }[] = []
  let offset = 0
  const write = (records: readonly PlacedRecord[]) =>
    new Promise<readonly Position[]>((resolve, reject) => {
      const positions = records.map(({ topic, partition }) => ({ topic, partition, offset: offset++ }))
      writes.push({ names: records.map((each) => each.key), succeed: () => resolve(positions), fail: reject })
    })
  const batcher = new AppendBatcher({ write, partitions: () => 1, ...options })
  const begun = (number: number) => eventually(() => writes[number - 1] ?? false)
  return { batcher, writes, begun }
}

function named(...names: readonly string[]): readonly NewRecord[] {
  return names.map((key) => ({ topic: "events", key, value: new Uint8Array(10) }))
}

const outcome = (appended: Promise<unknown>) =>
  appended.then(
    () => "done",
    (error: LogUnavailable) => error.outcome,
  )

test("what arrives during a write goes together in the next one, and each caller gets its own positions", async () => {
  const { batcher, writes, begun } = batcherByHand()
  const first = [batcher.append(named("a")), batcher.append(named("b", "c"))]
  const write = await begun(1)
  const later = [batcher.append(named("d")), batcher.append(named("e", "f"))]
  write.succeed()
  ;(await begun(2)).succeed()
  expect((await Promise.all([...first, ...later])).map((positions) => positions.map(({ offset }) => offset))).toEqual([
    [0],
    [1, 2],
    [3],
    [4, 5],
  ])
  expect(writes.map(({ names }) => names.join(""))).toEqual(["abc", "def"])
})

test("what is live goes before what is not, which still gets its part of every write", async () => {
  const { batcher, writes, begun } = batcherByHand()
  const appended = [batcher.append(named("first"))]
  const write = await begun(1)
  appended.push(batcher.append(named(...Array.from({ length: 1000 }, () => "b")), "bulk"))
  appended.push(batcher.append(named("x", "y")), batcher.append(named(...Array.from({ length: 2000 }, () => "l"))))
  write.succeed()
  for (let number = 2; number <= 5; number++) (await begun(number)).succeed()
  await Promise.all(appended)
  const shapes = writes.slice(1).map(({ names }) => [names.slice(0, 2).join(""), names.filter((name) => name === "b").length])
  expect(shapes).toEqual([
    ["xy", 100],
    ["ll", 100],
    ["ll", 500],
    ["bb", 300],
  ])
})

test("a write that fails rejects its own callers and nobody else", async () => {
  const { batcher, begun } = batcherByHand()
  const failed = outcome(batcher.append(named("a")))
  const write = await begun(1)
  const refused = outcome(batcher.append(named("b")))
  write.fail(new Error("reset"))
  const second = await begun(2)
  const done = outcome(batcher.append(named("c")))
  second.fail(new LogUnavailable("read only", "refused"))
  ;(await begun(3)).succeed()
  expect(await Promise.all([failed, refused, done])).toEqual(["unknown", "refused", "done"])
})

test("a call of several batches is unknown once a part is in, and the rest of it is not written", async () => {
  const { batcher, begun, writes } = batcherByHand()
  const names = Array.from({ length: limits.APPEND_RECORDS_MAX * 2 + 1 }, (_, index) => `${index}`)
  const call = outcome(batcher.append(named(...names)))
  const after = outcome(batcher.append(named("after")))
  ;(await begun(1)).succeed()
  ;(await begun(2)).fail(new LogUnavailable("full", "refused"))
  expect(await call).toBe("unknown")
  ;(await begun(3)).succeed()
  expect(await after).toBe("done")
  expect(writes.map((write) => write.names.length)).toEqual([limits.APPEND_RECORDS_MAX, limits.APPEND_RECORDS_MAX, 1])
})

test("batches keep to the bound in bytes", async () => {
  const { batcher, begun } = batcherByHand()
  const value = new Uint8Array(limits.RECORD_BYTES_MAX - 1)
  const call = batcher.append(Array.from({ length: 20 }, () => ({ topic: "events", key: "k", value }) as const))
  let written = 0
  for (let number = 1; written < 20; number++) {
    const write = await begun(number)
    expect(write.names.length * limits.RECORD_BYTES_MAX).toBeLessThanOrEqual(limits.APPEND_BYTES_MAX)
    written += write.names.length
    write.succeed()
  }
  expect(await call).toHaveLength(20)
  expect(() => batcher.append([{ topic: "events", key: "kk", value: new Uint8Array(limits.RECORD_BYTES_MAX) }])).toThrow("RECORD_BYTES_MAX")
})

test("more than may wait is refused at once, and taken again when there is room", async () => {
  const { batcher, begun, writes } = batcherByHand()
  const value = new Uint8Array(limits.PAYLOAD_BYTES_MAX)
  const fill = Array.from(
    { length: limits.APPEND_WAITING_BYTES_MAX / value.byteLength - 1 },
    () => ({ topic: "events", key: "", value }) as const,
  )
  const filling = batcher.append(fill)
  expect(await outcome(batcher.append([fill[0]!, fill[0]!]))).toBe("refused")
  const small = outcome(batcher.append([fill[0]!]))
  let written = 0
  for (let number = 1; written <= fill.length; number++) {
    const write = await begun(number)
    written += write.names.length
    write.succeed()
  }
  await filling
  expect(await small).toBe("done")
  const again = outcome(batcher.append([fill[0]!, fill[0]!]))
  ;(await begun(writes.length + 1)).succeed()
  expect(await again).toBe("done")
})

test("a write that hangs: its callers learn that the outcome is unknown, those behind it that nothing was written", async () => {
  const { batcher, begun, writes } = batcherByHand({ timeoutMs: 30 })
  const sent = outcome(batcher.append(named("sent")))
  const write = await begun(1)
  const waiting = outcome(batcher.append(named("waiting")))
  expect(await Promise.all([sent, waiting])).toEqual(["unknown", "refused"])
  const closed = batcher.close()
  write.succeed()
  await closed
  expect(writes).toHaveLength(1)
})

test("closing waits for what is under way and refuses what comes after", async () => {
  const { batcher, begun } = batcherByHand()
  const call = outcome(batcher.append(named("a")))
  let closed = false
  const closing = batcher.close().then(() => (closed = true))
  const write = await begun(1)
  expect(await outcome(batcher.append(named("b")))).toBe("refused")
  expect(closed).toBe(false)
  write.succeed()
  await closing
  expect(await call).toBe("done")
})
