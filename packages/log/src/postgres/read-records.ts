import type { Topic } from "@posthorn/core"
import type { Pool } from "pg"
import type { LogRecord, PartitionEnds } from "../event-log.ts"
import type { FetchRequest } from "../pull/record-source.ts"

export interface ReadOptions {
  readonly pool: Pool
  readonly schema: string
  readonly topicId: (topic: Topic) => number
}

interface Row {
  readonly request: number
  readonly offset: string
  readonly appended_at_ms: string
  readonly key: Buffer
  readonly value: Buffer
}

/** Answers all requests with one query. What lies before a partition's low offset is not there any more, deleted yet or not. */
export async function fetchRecords(
  { pool, schema, topicId }: ReadOptions,
  requests: readonly FetchRequest[],
): Promise<readonly (readonly LogRecord[])[]> {
  const { rows } = await pool.query<Row>({
    name: "fetch-records",
    text: `
      select w.request::integer, r.* from
        unnest($1::smallint[], $2::integer[], $3::bigint[], $4::integer[], $5::integer[]) with ordinality
          as w(topic, partition, first, records, bytes, request)
        join ${schema}.partitions p using (topic, partition)
        cross join lateral (
          select "offset", appended_at_ms, key, value from (
            select *, sum(octet_length(value)) over (order by "offset") - octet_length(value) as bytes_before from (
              select "offset", appended_at_ms, key, value from ${schema}.records
              where topic = w.topic and partition = w.partition and "offset" >= greatest(w.first, p.low_offset)
              order by "offset" limit w.records
            ) next
          ) measured
          where bytes_before < w.bytes
        ) r
      order by w.request, r."offset"`,
    values: [
      requests.map((request) => topicId(request.topic)),
      requests.map((request) => request.partition),
      requests.map((request) => request.from),
      requests.map((request) => request.records),
      requests.map((request) => request.bytes),
    ],
  })
  const byRequest = Map.groupBy(rows, (row) => row.request)
  return requests.map(({ topic, partition }, index) =>
    (byRequest.get(index + 1) ?? []).map(({ offset, key, value, appended_at_ms: appendedAtMs }) => ({
      topic,
      partition,
      offset: Number(offset),
      key: key.toString(),
      value,
      appendedAtMs: Number(appendedAtMs),
    })),
  )
}

export async function readEnds({ pool, schema, topicId }: ReadOptions, topic: Topic): Promise<readonly PartitionEnds[]> {
  const { rows } = await pool.query<{ partition: number; low: string; high: string }>({
    name: "read-ends",
    text: `select partition, low_offset as low, next_offset as high from ${schema}.partitions where topic = $1 order by partition`,
    values: [topicId(topic)],
  })
  return rows.map(({ partition, low, high }) => ({ partition, low: Number(low), high: Number(high) }))
}

/** Times of a partition never go back, so the offset is found by halving. */
export async function findOffset(
  options: ReadOptions,
  { topic, partition, timeMs }: { readonly topic: Topic; readonly partition: number; readonly timeMs: number },
): Promise<number> {
  const ends = (await readEnds(options, topic))[partition]
  let [from, to] = [ends?.low ?? 0, ends?.high ?? 0]
  while (from < to) {
    const middle = Math.floor((from + to) / 2)
    const { rows } = await options.pool.query<{ early: boolean }>({
      name: "find-offset",
      text: `select appended_at_ms < $4 as early from ${options.schema}.records where topic = $1 and partition = $2 and "offset" = $3`,
      values: [options.topicId(topic), partition, middle, timeMs],
    })
    // A record that is gone meanwhile was older.
    if (rows[0]?.early ?? true) from = middle + 1
    else to = middle
  }
  return from
}
