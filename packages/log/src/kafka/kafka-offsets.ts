import type { Admin } from "kafkajs"
import type { PartitionEnds } from "../event-log.ts"

/** Committed offset of every partition of a topic, by partition number; undefined where the group never committed. */
export async function committedOffsets(admin: Admin, groupId: string, name: string): Promise<ReadonlyMap<number, number | undefined>> {
  const [answer] = await admin.fetchOffsets({ groupId, topics: [name] })
  // Negative numbers stand for "none" and for "the earliest".
  return new Map(answer?.partitions.map(({ partition, offset }) => [partition, Number(offset) < 0 ? undefined : Number(offset)]))
}

/** Ends of every partition of a topic, in order. */
export async function topicEnds(admin: Admin, name: string): Promise<readonly PartitionEnds[]> {
  const offsets = await admin.fetchTopicOffsets(name)
  return offsets.map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) })).sort((a, b) => a.partition - b.partition)
}
