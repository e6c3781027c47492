import type { Admin } from "kafkajs"
import type { PartitionEnds } from "../event-log.ts"

export interface GroupOffsets extends PartitionEnds {
  /** Undefined when the group never committed. */
  readonly committed: number | undefined
}

/** Where a group is in every partition of a topic, in order. */
export async function groupOffsets(admin: Admin, groupId: string, name: string): Promise<readonly GroupOffsets[]> {
  const [[answer], ends] = await Promise.all([admin.fetchOffsets({ groupId, topics: [name] }), topicEnds(admin, name)])
  const committed = new Map(answer?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
  return ends.map((each) => {
    const offset = committed.get(each.partition)
    // Negative numbers stand for "none" and for "the earliest".
    return { ...each, committed: offset === undefined || offset < 0 ? undefined : offset }
  })
}

/** Ends of every partition of a topic, in order. */
export async function topicEnds(admin: Admin, name: string): Promise<readonly PartitionEnds[]> {
  const offsets = await admin.fetchTopicOffsets(name)
  return offsets
    .map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) }))
    .toSorted((a, b) => a.partition - b.partition)
}
