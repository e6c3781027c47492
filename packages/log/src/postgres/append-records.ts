import type { Pool } from "pg"
import { assert, type Topic } from "@posthorn/core"
import type { PlacedRecord } from "../append-batcher.ts"
import type { LogRecord } from "../event-log.ts"

export interface AppendOptions {
  readonly pool: Pool
  readonly schema: string
  readonly topicId: (topic: Topic) => number
  /** What readers in other processes are told, given the ids of the topics. */
  readonly notice: (topicIds: readonly number[]) => { readonly channel: string; readonly payload: string }
}

interface Group {
  readonly number: number
  readonly topic: Topic
  readonly partition: number
  count: number
}

/**
 * Appends a batch in one statement. Counters of partitions move under row locks that are held until the commit and taken in a fixed
 * order, so offsets become visible in their order, have no holes, and two appends cannot block each other for ever.
 * Times of a partition never go back, even when the clock does.
 */
export async function appendRecords(options: AppendOptions, records: readonly PlacedRecord[]): Promise<readonly LogRecord[]> {
  const { pool, schema, topicId, notice } = options
  const batch = layOut(records)
  const { channel, payload } = notice([...new Set(batch.groups.map((group) => topicId(group.topic)))])
  const { rows } = await pool.query<{ number: number; first: string; appended_at_ms: string }>({
    name: "append-records",
    text: `
      with groups as (
        select * from unnest($1::smallint[], $2::integer[], $3::integer[]) with ordinality as g(topic, partition, count, number)
      ), locked as (
        select p.topic, p.partition from ${schema}.partitions p join groups using (topic, partition)
        order by p.topic, p.partition for update of p
      ), moved as (
        update ${schema}.partitions p
        set next_offset = p.next_offset + g.count,
            last_append_ms = greatest(p.last_append_ms, (extract(epoch from clock_timestamp()) * 1000)::bigint)
        from groups g join locked l using (topic, partition)
        where p.topic = g.topic and p.partition = g.partition
        returning g.number, p.topic, p.partition, p.next_offset - g.count as first, p.last_append_ms
      ), added as (
        insert into ${schema}.records (topic, partition, "offset", appended_at_ms, key, value)
        select m.topic, m.partition, m.first + r.rank, m.last_append_ms,
          substring($4::bytea from r.start for r.key_bytes),
          substring($4::bytea from r.start + r.key_bytes for r.value_bytes)
        from unnest($5::integer[], $6::integer[], $7::integer[], $8::integer[], $9::integer[])
          as r(number, rank, start, key_bytes, value_bytes)
        join moved m using (number)
      )
      select number::integer, first, last_append_ms as appended_at_ms, (select pg_notify($10, $11)) from moved`,
    values: [
      arrayOf(batch.groups, (group) => topicId(group.topic)),
      arrayOf(batch.groups, (group) => group.partition),
      arrayOf(batch.groups, (group) => group.count),
      Buffer.concat(batch.bytes),
      arrayOf(batch.rows, (row) => row.group.number),
      arrayOf(batch.rows, (row) => row.rank),
      arrayOf(batch.rows, (row) => row.start),
      arrayOf(batch.rows, (row) => row.keyBytes),
      arrayOf(batch.rows, (row) => row.valueBytes),
      channel,
      payload,
    ],
  })
  const moved = new Map(rows.map((row) => [row.number, { first: Number(row.first), appendedAtMs: Number(row.appended_at_ms) }]))
  return batch.rows.map(({ group, rank }, index) => {
    const [partition, record] = [moved.get(group.number), records[index]]
    assert(partition !== undefined && record !== undefined, "an answer for every partition, in the order of the records")
    const { key, value } = record
    return {
      topic: group.topic,
      partition: group.partition,
      offset: partition.first + rank,
      key,
      value,
      appendedAtMs: partition.appendedAtMs,
    }
  })
}

/** All bytes in one parameter, cut up again by the statement: arrays of bytes would travel as hexadecimal text. */
function layOut(records: readonly PlacedRecord[]) {
  const groups = new Map<string, Group>()
  const bytes: Uint8Array[] = []
  // Positions in a bytea count from one.
  let start = 1
  const rows = records.map(({ topic, partition, key, value }) => {
    const name = `${topic}/${partition}`
    const group = groups.get(name) ?? { number: groups.size + 1, topic, partition, count: 0 }
    groups.set(name, group)
    const keyBuffer = Buffer.from(key)
    bytes.push(keyBuffer, value)
    const row = { group, rank: group.count++, start, keyBytes: keyBuffer.byteLength, valueBytes: value.byteLength }
    start += row.keyBytes + row.valueBytes
    return row
  })
  return { groups: [...groups.values()], rows, bytes }
}

function arrayOf<Item>(items: readonly Item[], number: (item: Item) => number): string {
  return `{${items.map(number).join(",")}}`
}
