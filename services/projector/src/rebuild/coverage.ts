import { limits, type Topic } from "@posthorn/core"
import type { LogReader } from "@posthorn/log"
import { readSome } from "./read-some.ts"

/** From when on the log has every record of these topics, Unix milliseconds; topics of which it has all are left out. */
export async function coverageOf(
  log: Pick<LogReader, "ends" | "read">,
  topics: readonly Topic[],
  nowMs: number,
): Promise<Partial<Record<Topic, number>>> {
  const coverage: Partial<Record<Topic, number>> = {}
  for (const topic of topics) {
    for (const { partition, low, high } of await log.ends(topic)) {
      if (low === 0) continue
      const { records } = await readSome(log, { topic, partition, from: low, to: high }, { recordsMax: 1, bytesMax: 1 })
      const sinceMs = (records[0]?.appendedAtMs ?? nowMs) + limits.REBUILD_CLOCKS_MS
      coverage[topic] = Math.max(coverage[topic] ?? 0, sinceMs)
    }
  }
  return coverage
}
