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
