import { expect, test } from "vitest"
import { logConformance } from "../conformance/log-conformance.ts"
import { createMemoryLog, type MemoryLog } from "./memory-log.ts"

logConformance("memory", async () => {
  const log = createMemoryLog()
  const opened: MemoryLog[] = [log]
  const another = () => {
    const client = log.another()
    opened.push(client)
    return client
  }
  return {
    log,
    drains: true,
    openAnother: async () => another(),
    openFragile: async () => {
      const client = another()
      let restore = () => {}
      return {
        log: client,
        cutOff: async () => {
          restore = client.cutOff()
        },
        restore: async () => restore(),
      }
    },
    close: async () => {
      await Promise.all(opened.map((client) => client.close()))
    },
  }
})

test("a client that is told later takes what came meanwhile, once, and in order", async () => {
  const log = createMemoryLog({ partitions: 1 })
  const news: (() => void)[] = []
  const late = log.another((tell) => news.push(tell))
  const taken: number[] = []
  await late.follow("config", 0, (records) => taken.push(...records.map(({ offset }) => offset)))
  for (const key of ["a", "b"]) await log.append([{ topic: "config", key, value: new Uint8Array(1) }])
  expect(taken).toEqual([])
  for (const tell of news) tell()
  await expect.poll(() => taken).toEqual([0, 1])
  await Promise.all([late.close(), log.close()])
})
