import { EVENT_TOPICS } from "@posthorn/core"
import type { EventLog } from "@posthorn/log"
import { eventually } from "@posthorn/testkit"

/** Says of every event that it is routed, as the router does once its deliveries are in the log. */
export async function keepRouting(log: EventLog) {
  const member = await log.join({
    group: "router",
    topics: EVENT_TOPICS,
    handler: {
      records: (partition, records) => {
        for (const { offset } of records) partition.finish(offset)
      },
      failed: (error) => {
        throw error
      },
    },
  })
  return {
    /** Resolves once that is so of all that there is. */
    routed: () =>
      eventually(async () => (await log.lag("router", EVENT_TOPICS)).every(({ committed, high }) => committed >= high), {
        timeoutMs: 20_000,
      }),
    stop: () => member.leave(),
  }
}
