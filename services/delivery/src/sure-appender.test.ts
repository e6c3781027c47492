import { createMemoryLog } from "@posthorn/log/memory"
import { expect, test } from "vitest"
import { createSureAppender } from "./sure-appender.ts"

const record = { topic: "deliveries", key: "k", value: Uint8Array.of(1) } as const

test("what the log refuses is appended again until it is there", async () => {
  const log = createMemoryLog({ partitions: 1 })
  const restore = log.cutOff()
  const appender = createSureAppender(log, new AbortController().signal, () => restore())
  await appender.append([record], new AbortController().signal)
  expect((await log.ends("deliveries"))[0]?.high).toBe(1)
})

test("once its partition is lost, what the log has not taken is left to the next owner, though the log comes back", async () => {
  const log = createMemoryLog({ partitions: 1 })
  const restore = log.cutOff()
  const lost = new AbortController()
  const appender = createSureAppender(log, new AbortController().signal, () => lost.abort())
  await expect(appender.append([record], lost.signal)).rejects.toThrow()
  restore()
  expect((await log.ends("deliveries"))[0]?.high).toBe(0)
})
