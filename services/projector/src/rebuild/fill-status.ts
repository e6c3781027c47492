import { decodeRecord, PROJECTED_TOPICS, type ProjectedRecord, type Topic } from "@posthorn/core"
import type { LogRecord, PartitionEnds } from "@posthorn/log"
import type { StatusProjection, ViewPosition } from "@posthorn/store"
import { rowsOf } from "../rows-of.ts"
import { fillLanes, type Batch, type FillOptions, type Stretch } from "./fill-lanes.ts"

export interface StatusFill extends Omit<FillOptions, "take"> {
  readonly status: StatusProjection
}

/** Projects the log into a status view until it stands at these positions, from where it stands now; a view that was never begun from where the log begins. */
export async function fillStatus(fill: StatusFill, positions: readonly ViewPosition[]): Promise<void> {
  await fillLanes({ ...fill, take: (batch) => take(fill.status, batch) }, await stretchesTo(fill, positions))
}

/** What is left to read up to these positions. */
export async function stretchesTo(
  { log, status }: Pick<StatusFill, "log" | "status">,
  positions: readonly ViewPosition[],
): Promise<Stretch[]> {
  const wanted = positions.flatMap(({ topic, partition, next }) => (isProjected(topic) ? [{ topic, partition, to: next }] : []))
  const ends = new Map(
    await Promise.all(PROJECTED_TOPICS.map(async (topic): Promise<[Topic, readonly PartitionEnds[]]> => [topic, await log.ends(topic)])),
  )
  const low = (topic: Topic, partition: number): number => ends.get(topic)?.[partition]?.low ?? 0
  const begun = await status.positions(
    wanted.map(({ topic, partition, to }) => ({ topic, partition, low: Math.min(to, low(topic, partition)) })),
  )
  return wanted.flatMap(({ topic, partition, to }, index) => {
    const from = begun[index] ?? to
    if (from > to) throw new Error(`the view that is made is further in ${topic} than the live one: begin it anew`)
    return from === to ? [] : [{ topic, partition, from, to }]
  })
}

const isProjected = (topic: string): topic is (typeof PROJECTED_TOPICS)[number] => PROJECTED_TOPICS.some((each) => each === topic)

async function take(status: StatusProjection, { topic, partition, first, next, records }: Batch): Promise<void> {
  const rows = await rowsOf(status, records.flatMap(projected))
  const outcome = await status.project({ ranges: [{ topic, partition, first, next }], rows })
  if (outcome === "stale") throw new Error("somebody else fills the same view")
}

/** What cannot be decoded is in `dead-letters` since the live view came to it. */
function projected({ topic, partition, offset, value }: LogRecord): readonly ProjectedRecord[] {
  const decoded = decodeRecord(topic, value)
  return "undecodable" in decoded ? [] : [{ ...decoded, partition, offset }]
}
