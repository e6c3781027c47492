import { limits, TOPIC_FACTS, type Topic } from "@posthorn/core"
import { findOffset, type ReadOptions } from "./read-records.ts"

/** Raises the low offset at once, never above the next offset; the records are deleted by `deleteTrimmed`. */
export async function raiseLow(
  { pool, schema, topicId }: ReadOptions,
  { topic, partition, before }: { readonly topic: Topic; readonly partition: number; readonly before: number },
): Promise<void> {
  await pool.query({
    name: "raise-low",
    text: `
      update ${schema}.partitions set low_offset = least($3, next_offset)
      where topic = $1 and partition = $2 and low_offset < least($3, next_offset)`,
    values: [topicId(topic), partition, before],
  })
}

/** Raises the low offset of every partition whose oldest records are past their topic's retention. */
export async function expire(options: ReadOptions, nowMs: number): Promise<void> {
  for (const topic of Object.keys(TOPIC_FACTS) as Topic[]) {
    const { retentionMs } = TOPIC_FACTS[topic]
    if (retentionMs === undefined) continue
    const { rows } = await options.pool.query<{ partition: number }>({
      name: "find-expired",
      text: `
        select p.partition from ${options.schema}.partitions p
        join ${options.schema}.records r on r.topic = p.topic and r.partition = p.partition and r."offset" = p.low_offset
        where p.topic = $1 and r.appended_at_ms < $2`,
      values: [options.topicId(topic), nowMs - retentionMs],
    })
    for (const { partition } of rows) {
      const before = await findOffset(options, { topic, partition, timeMs: nowMs - retentionMs })
      await raiseLow(options, { topic, partition, before })
    }
  }
}

/** Deletes what lies below the low offsets, a bounded number of records at a time, until nothing is left. */
export async function deleteTrimmed({ pool, schema }: ReadOptions, signal: AbortSignal): Promise<void> {
  for (let deleted: number | null = 1; deleted !== null && deleted > 0 && !signal.aborted;) {
    const result = await pool.query({
      name: "delete-trimmed",
      text: `
        with doomed as (
          select r.topic, r.partition, r."offset" from ${schema}.partitions p
          cross join lateral (
            select topic, partition, "offset" from ${schema}.records
            where topic = p.topic and partition = p.partition and "offset" < p.low_offset
            order by "offset" limit $1
          ) r
          limit $1
        )
        delete from ${schema}.records r using doomed d
        where r.topic = d.topic and r.partition = d.partition and r."offset" = d."offset"`,
      values: [limits.TRIM_RECORDS_MAX],
    })
    deleted = result.rowCount
  }
}
