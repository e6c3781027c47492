import { randomUUID } from "node:crypto"
import { limits, type Topic } from "@posthorn/core"
import type { Pool, PoolClient } from "pg"
import { fairShare } from "../pull/fair-share.ts"
import type { Claim, Commit, Membership, Rebalance } from "../pull/membership.ts"

export interface PostgresMembershipOptions {
  readonly pool: Pool
  readonly schema: string
  readonly group: string
  readonly topics: readonly Topic[]
  readonly topicId: (topic: Topic) => number
  readonly notice: { readonly channel: string; readonly payload: string }
  /** Tells the members of this group in this process. */
  readonly changed: () => void
  readonly onChanged: (listener: () => void) => () => void
}

interface OwnerRow {
  readonly topic: number
  readonly partition: number
  readonly committed: string
  readonly owner: string | null
  readonly epoch: string
}

/** A member of a group in the tables `members` and `group_partitions`. Silence is measured by the database's clock alone. */
export class PostgresMembership implements Membership {
  readonly #options: PostgresMembershipOptions
  readonly #member = randomUUID()
  readonly #topicOf: ReadonlyMap<number, Topic>
  /** Members as of the last rebalance. */
  #seen = ""

  constructor(options: PostgresMembershipOptions) {
    this.#options = options
    this.#topicOf = new Map(options.topics.map((topic) => [options.topicId(topic), topic]))
  }

  onChanged(listener: () => void): () => void {
    return this.#options.onChanged(listener)
  }

  async heartbeat(): Promise<boolean> {
    const { pool, schema, group } = this.#options
    const { rows } = await pool.query<{ alive: boolean; silent: boolean | null; members: string | null }>({
      name: "heartbeat",
      text: `
        with beat as (
          update ${schema}.members set seen_at = clock_timestamp() where group_name = $1 and member = $2 returning member
        )
        select exists (select from beat) as alive,
          bool_or(member <> $2 and seen_at < clock_timestamp() - $3 * interval '1 millisecond') as silent,
          string_agg(member::text, ',' order by member) as members
        from ${schema}.members where group_name = $1`,
      values: [group, this.#member, limits.SESSION_TIMEOUT_MS],
    })
    const found = rows[0]
    return found?.alive !== true || found.silent === true || found.members !== this.#seen
  }

  async rebalance(): Promise<Rebalance> {
    const client = await this.#options.pool.connect()
    try {
      await client.query("begin")
      const answer = await this.#rebalance(client)
      await client.query("commit")
      client.release()
      return answer
    } catch (error) {
      // Closing the connection rolls back.
      client.release(true)
      throw error
    }
  }

  /** Under a lock of the group, so that all members see and change one state after the other. */
  async #rebalance(client: PoolClient): Promise<Rebalance> {
    const { schema, group, topics, topicId } = this.#options
    await client.query("select pg_advisory_xact_lock(hashtextextended($1, 0))", [`${schema} group ${group}`])
    await this.#enter(client)
    const { rows: members } = await client.query<{ member: string }>(
      `select member from ${schema}.members where group_name = $1 order by member`,
      [group],
    )
    const { rows } = await client.query<OwnerRow>(
      `select g.topic, g.partition, g.owner, g.epoch, greatest(g.committed, p.low_offset) as committed
       from ${schema}.group_partitions g join ${schema}.partitions p using (topic, partition)
       where group_name = $1 order by topic, partition`,
      [group],
    )
    const owners: (string | undefined)[] = []
    for (const { partition, owner } of rows) owners[partition] = owners[partition] ?? owner ?? undefined
    const target = fairShare(
      members.map(({ member }) => member),
      owners,
    )
    const free = target.flatMap((owner, partition) => (owner === this.#member && owners[partition] === undefined ? [partition] : []))
    if (free.length > 0) {
      await client.query(
        `update ${schema}.group_partitions set owner = $2, epoch = epoch + 1
         where group_name = $1 and topic = any($3) and partition = any($4) and owner is null`,
        [group, this.#member, topics.map(topicId), free],
      )
    }
    this.#seen = members.map(({ member }) => member).join(",")
    const claimed = new Set(free)
    return this.#answer(
      rows.flatMap((row) => {
        if (row.owner === this.#member) return [row]
        return claimed.has(row.partition) ? [{ ...row, epoch: String(Number(row.epoch) + 1) }] : []
      }),
      target,
    )
  }

  /** Joins, and removes whoever has been silent for too long; the others hear of either. */
  async #enter(client: PoolClient): Promise<void> {
    const { schema, group, topics, topicId, notice } = this.#options
    const { rows } = await client.query<{ joined: boolean; evicted: string[] }>(
      `with joined as (
         insert into ${schema}.members (group_name, member, seen_at) values ($1, $2, clock_timestamp())
         on conflict (group_name, member) do update set seen_at = excluded.seen_at returning xmax = 0 as new
       ), gone as (
         delete from ${schema}.members
         where group_name = $1 and member <> $2 and seen_at < clock_timestamp() - $3 * interval '1 millisecond' returning member
       )
       select (select new from joined) as joined, array(select member::text from gone) as evicted`,
      [group, this.#member, limits.SESSION_TIMEOUT_MS],
    )
    const { joined = false, evicted = [] } = rows[0] ?? {}
    if (joined) {
      await client.query(
        `insert into ${schema}.group_partitions (group_name, topic, partition)
         select $1, topic, partition from ${schema}.partitions where topic = any($2) on conflict do nothing`,
        [group, topics.map(topicId)],
      )
    }
    if (evicted.length > 0) {
      await client.query(`update ${schema}.group_partitions set owner = null where group_name = $1 and owner = any($2)`, [group, evicted])
    }
    if (joined || evicted.length > 0) await client.query("select pg_notify($1, $2)", [notice.channel, notice.payload])
  }

  #answer(rows: readonly OwnerRow[], target: readonly (string | undefined)[]): Rebalance {
    const owned = rows.flatMap(({ topic: id, partition, epoch, committed }): readonly Claim[] => {
      const topic = this.#topicOf.get(id)
      return topic === undefined ? [] : [{ topic, partition, epoch: Number(epoch), committed: Number(committed) }]
    })
    const surplus = new Set(owned.map((claim) => claim.partition).filter((partition) => target[partition] !== this.#member))
    return { owned, surplus: [...surplus] }
  }

  async commit(commits: readonly Commit[]): Promise<readonly boolean[]> {
    const { pool, schema, group } = this.#options
    const { rows } = await pool.query<{ n: number }>({
      name: "commit-offsets",
      text: `
        update ${schema}.group_partitions g set committed = c.committed
        from unnest($3::smallint[], $4::integer[], $5::bigint[], $6::bigint[]) with ordinality as c(topic, partition, epoch, committed, n)
        where group_name = $1 and owner = $2 and g.topic = c.topic and g.partition = c.partition and g.epoch = c.epoch
        returning n::integer`,
      values: [group, this.#member, ...this.#columns(commits), commits.map((commit) => commit.offset)],
    })
    const taken = new Set(rows.map(({ n }) => n))
    return commits.map((_, index) => taken.has(index + 1))
  }

  async release(claims: readonly Claim[]): Promise<void> {
    const { pool, schema, group, notice, changed } = this.#options
    await pool.query(
      `with released as (
         update ${schema}.group_partitions g set owner = null
         from unnest($3::smallint[], $4::integer[], $5::bigint[]) as c(topic, partition, epoch)
         where group_name = $1 and owner = $2 and g.topic = c.topic and g.partition = c.partition and g.epoch = c.epoch
         returning 1
       )
       select pg_notify($6, $7) from (select count(*) from released) done`,
      [group, this.#member, ...this.#columns(claims), notice.channel, notice.payload],
    )
    changed()
  }

  async leave(): Promise<void> {
    const { pool, schema, group, notice, changed } = this.#options
    await pool.query(
      `with left_members as (
         delete from ${schema}.members where group_name = $1 and member = $2 returning 1
       ), released as (
         update ${schema}.group_partitions set owner = null where group_name = $1 and owner = $2 returning 1
       )
       select pg_notify($3, $4) from (select count(*) from released) done, (select count(*) from left_members) gone`,
      [group, this.#member, notice.channel, notice.payload],
    )
    changed()
  }

  #columns(claims: readonly Claim[]): readonly unknown[] {
    const { topicId } = this.#options
    return [claims.map((claim) => topicId(claim.topic)), claims.map((claim) => claim.partition), claims.map((claim) => claim.epoch)]
  }
}

/** What a group has committed, by topic and partition, never below the low offset. */
export async function readLag(
  { pool, schema, topicId }: Pick<PostgresMembershipOptions, "pool" | "schema" | "topicId">,
  group: string,
  topics: readonly Topic[],
) {
  const { rows } = await pool.query<{ topic: Topic; partition: number; committed: string; high: string }>({
    name: "read-lag",
    text: `
      select wanted.name as topic, p.partition, greatest(g.committed, p.low_offset) as committed, p.next_offset as high
      from unnest($2::smallint[], $3::text[]) with ordinality as wanted(topic, name, n)
      join ${schema}.partitions p using (topic)
      left join ${schema}.group_partitions g on g.group_name = $1 and g.topic = p.topic and g.partition = p.partition
      order by n, p.partition`,
    values: [group, topics.map(topicId), topics],
  })
  return rows.map(({ topic, partition, committed, high }) => ({
    topic,
    partition,
    committed: Number(committed),
    high: Number(high),
  }))
}
