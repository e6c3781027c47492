import { setTimeout as wait } from "node:timers/promises"
import type { RunningPosthorn } from "../posthorn.ts"

const SAMPLE_MS = 1000

export interface LagWatch {
  /** Ends it, and answers the most that was seen. May be asked again. Rejects when Posthorn did not say. */
  stop(): Promise<Record<string, number>>
}

/** Watches how many records the router and the worker have before them, every second. */
export function watchLags(posthorn: RunningPosthorn): LagWatch {
  const stopped = new AbortController()
  const most = { eventsLagMax: 0, deliveriesLagMax: 0, bulkLagMax: 0 }
  const watching = (async () => {
    while (!stopped.signal.aborted) {
      const metrics = await posthorn.metrics()
      const lag = (group: string, topic: string): number => metrics.sum("posthorn_log_lag_records", { group, topic })
      most.eventsLagMax = Math.max(most.eventsLagMax, lag("router", "events"))
      most.deliveriesLagMax = Math.max(most.deliveriesLagMax, lag("delivery", "deliveries"))
      most.bulkLagMax = Math.max(most.bulkLagMax, lag("delivery", "deliveries.bulk"))
      await wait(SAMPLE_MS, undefined, { signal: stopped.signal }).catch(() => undefined)
    }
  })()
  // Whoever stops it is told of its failure, and until then nobody is.
  watching.catch(() => undefined)
  return {
    async stop() {
      stopped.abort()
      await watching
      return most
    },
  }
}
