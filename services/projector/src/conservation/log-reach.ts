import { EVENT_TOPICS, RETRY_TIERS, type LogPlace, type Topic } from "@posthorn/core"
import type { LogGroups, LogReader } from "@posthorn/log"

/** How far the stages have come: whatever they do about a record is in the log before the record is behind them. */
export interface LogReach {
  /** The first event that the router has not finished, by partition. */
  readonly routed: readonly LogPlace[]
  /** The first record of each partition in which a try may wait. A try that was on its way at that time is behind one of them, or comes behind one. */
  readonly tries: readonly LogPlace[]
}

/**
 * Where tries wait, in the order in which they are looked for: a try goes from the tiers, which are trimmed, to what is not, and from longer tiers to
 * shorter ones, so that none moves past who looks.
 */
export const TRY_TOPICS = [
  ...RETRY_TIERS.toReversed(),
  "parked",
  "control",
  "deliveries",
  "deliveries.bulk",
] as const satisfies readonly Topic[]

/** Reads what the stages have committed. */
export async function readReach(log: LogGroups & LogReader): Promise<LogReach> {
  const committed = async (group: string, topics: readonly Topic[]): Promise<LogPlace[]> =>
    (await log.lag(group, topics)).map(({ topic, partition, committed: offset }) => ({ topic, partition, offset }))
  const routed = await committed("router", EVENT_TOPICS)
  const tries = [...(await committed("retry", RETRY_TIERS)), ...(await committed("delivery", ["deliveries", "deliveries.bulk", "control"]))]
  // Who owns a partition of it commits nothing, and trims what is released.
  const parked = (await log.ends("parked")).map(({ partition, low }): LogPlace => ({ topic: "parked", partition, offset: low }))
  return { routed, tries: [...tries, ...parked] }
}

/** The next offset of each partition of these topics that holds anything: what retention took is waited for by nobody. */
export async function readEnds(log: LogReader, topics: readonly Topic[]): Promise<readonly LogPlace[]> {
  const ends = await Promise.all(topics.map(async (topic) => (await log.ends(topic)).map((each) => ({ topic, ...each }))))
  return ends.flatMap((each) => each.flatMap(({ topic, partition, low, high }) => (low < high ? [{ topic, partition, offset: high }] : [])))
}
