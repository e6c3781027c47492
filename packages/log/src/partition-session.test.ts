import { limits } from "@posthorn/core"
import { afterEach, expect, test, vi } from "vitest"
import type { GroupHandler, LogRecord } from "./event-log.ts"
import { PartitionSession } from "./partition-session.ts"

afterEach(() => {
  vi.useRealTimers()
})

function records(from: number, count: number): readonly LogRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    topic: "deliveries",
    partition: 0,
    offset: from + index,
    key: "",
    value: new Uint8Array(1),
    appendedAtMs: 0,
  }))
}

async function opened(handler: Partial<GroupHandler> = {}, recordsMax = 100) {
  const seen: number[] = []
  const told: string[] = []
  const session = new PartitionSession({
    topic: "deliveries",
    partition: 0,
    committed: 0,
    window: { records: recordsMax },
    handler: { records: (_, given) => void seen.push(...given.map(({ offset }) => offset)), failed: () => undefined, ...handler },
    onRoom: () => void told.push("room"),
    onMoved: () => void told.push("moved"),
    onFailed: (error) => void told.push(error.message),
  })
  await session.open()
  return { session, seen, told }
}

test("what a read brings that began before a seek is dropped", async () => {
  const { session, seen } = await opened()
  session.accept(records(0, 10))
  const from = session.position
  session.seek(3)
  session.accept(records(10, 5), from)
  expect(session.position).toBe(3)
  session.accept(records(3, 2), 3)
  expect(seen).toEqual([...records(0, 10), ...records(3, 2)].map(({ offset }) => offset))
  expect(session.toCommit()).toBe(3)
})

test("records that were handed over already are left out, and holes are passed", async () => {
  const { session, seen } = await opened()
  session.accept(records(0, 3))
  session.accept([...records(1, 3), ...records(7, 1)])
  expect(seen).toEqual([0, 1, 2, 3, 7])
  for (const offset of seen) session.finish(offset)
  expect(session.toCommit()).toBe(8)
})

test("the window opens again at half, and says so once", async () => {
  const { session, told } = await opened({}, 10)
  told.length = 0
  session.accept(records(0, 10))
  expect(session.full).toBe(true)
  for (let offset = 9; offset > 5; offset--) session.finish(offset)
  expect({ full: session.full, told }).toEqual({ full: true, told: [] })
  for (let offset = 5; offset > 3; offset--) session.finish(offset)
  expect({ full: session.full, told }).toEqual({ full: false, told: ["room"] })
})

test("one record that never finishes bounds how far reading may go", async () => {
  const { session } = await opened()
  let handed = 0
  while (!session.full && handed < limits.WINDOW_SPAN_MAX * 2) {
    session.accept(records(handed, Math.min(50, session.room.records)))
    handed = session.position
    for (let offset = Math.max(1, handed - 50); offset < handed; offset++) session.finish(offset)
  }
  expect(handed).toBe(limits.WINDOW_SPAN_MAX)
  expect(session.toCommit()).toBeUndefined()
  session.finish(0)
  expect({ full: session.full, commit: session.toCommit() }).toEqual({ full: false, commit: limits.WINDOW_SPAN_MAX })
})

test("giving up waits for the handler, but not for ever, and work that ends meanwhile counts", async () => {
  vi.useFakeTimers()
  const { session } = await opened({ revoked: () => new Promise(() => undefined) })
  session.accept(records(0, 3))
  let given = false
  const giving = session.revoke().then(() => (given = true))
  expect(session.signal.aborted).toBe(true)
  session.accept(records(3, 3))
  session.finish(0)
  await vi.advanceTimersByTimeAsync(limits.REVOKE_DRAIN_MS - 1)
  expect(given).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  await giving
  expect({ position: session.position, commit: session.toCommit() }).toEqual({ position: 3, commit: 1 })
  session.end()
  session.finish(1)
  expect(session.toCommit()).toBeUndefined()
})

test("a partition that is lost is let go of without waiting", async () => {
  let told = 0
  const { session } = await opened({
    revoked: async () => {
      told++
      throw new Error("too late")
    },
  })
  session.end()
  session.end()
  await session.revoke()
  expect({ aborted: session.signal.aborted, told }).toEqual({ aborted: true, told: 1 })
})
