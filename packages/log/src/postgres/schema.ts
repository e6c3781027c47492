import { assert, TOPIC_FACTS, TOPICS, type Topic } from "@posthorn/core"
import type { Pool, PoolClient } from "pg"

/** Forward only: a change is a new entry at the end. `SCHEMA` stands for the schema's name. */
const MIGRATIONS = [
  `
  create table SCHEMA.topics (
    id smallint primary key,
    name text not null unique,
    partitions integer not null
  );

  -- Every append updates rows here: room in the pages keeps those updates out of the index.
  create table SCHEMA.partitions (
    topic smallint not null,
    partition integer not null,
    next_offset bigint not null default 0,
    low_offset bigint not null default 0,
    last_append_ms bigint not null default 0,
    primary key (topic, partition)
  ) with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

  create table SCHEMA.records (
    topic smallint not null,
    partition integer not null,
    "offset" bigint not null,
    appended_at_ms bigint not null,
    key bytea not null,
    value bytea not null,
    primary key (topic, partition, "offset")
  ) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 10000);
  -- Compressing payloads costs more time than the disk is worth here.
  alter table SCHEMA.records alter column value set storage external;

  create table SCHEMA.members (
    group_name text not null,
    member uuid not null,
    seen_at timestamptz not null,
    primary key (group_name, member)
  ) with (fillfactor = 20);

  create table SCHEMA.group_partitions (
    group_name text not null,
    topic smallint not null,
    partition integer not null,
    committed bigint,
    owner uuid,
    epoch bigint not null default 0,
    primary key (group_name, topic, partition)
  ) with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
  `,
]

export interface TopicRow {
  readonly id: number
  readonly partitions: number
}

/**
 * Brings the schema up to date and creates missing topics; several processes may do so at once.
 * Rejects when a topic exists with another partition count: its keys would change partitions.
 */
export async function prepareSchema(pool: Pool, schema: string, partitions: number): Promise<ReadonlyMap<Topic, TopicRow>> {
  assert(/^[a-z_][a-z0-9_]*$/.test(schema), "schema name")
  const client = await pool.connect()
  try {
    await client.query("begin")
    await client.query("select pg_advisory_xact_lock(hashtextextended($1, 0))", [`${schema} migrations`])
    await migrate(client, schema)
    const topics = await createTopics(client, schema, partitions)
    await client.query("commit")
    client.release()
    return topics
  } catch (error) {
    // Closing the connection rolls back.
    client.release(true)
    throw error
  }
}

async function migrate(client: PoolClient, schema: string): Promise<void> {
  await client.query(`create schema if not exists ${schema}`)
  await client.query(`create table if not exists ${schema}.migrations (number integer primary key)`)
  const { rows } = await client.query<{ done: number }>(`select coalesce(max(number), 0) as done from ${schema}.migrations`)
  for (const [index, migration] of MIGRATIONS.entries()) {
    if (index < (rows[0]?.done ?? 0)) continue
    await client.query(migration.replaceAll("SCHEMA", schema))
    await client.query(`insert into ${schema}.migrations values ($1)`, [index + 1])
  }
}

async function createTopics(client: PoolClient, schema: string, many: number): Promise<ReadonlyMap<Topic, TopicRow>> {
  const wanted = TOPICS.map((name) => (TOPIC_FACTS[name].partitions === "one" ? 1 : many))
  await client.query(
    `insert into ${schema}.topics (id, name, partitions)
     select (select coalesce(max(id), 0) from ${schema}.topics) + row_number() over (order by n), name, partitions
     from unnest($1::text[], $2::integer[]) with ordinality as wanted(name, partitions, n)
     where name not in (select name from ${schema}.topics)`,
    [TOPICS, wanted],
  )
  await client.query(
    `insert into ${schema}.partitions (topic, partition)
     select id, generate_series(0, partitions - 1) from ${schema}.topics
     on conflict do nothing`,
  )
  const { rows } = await client.query<TopicRow & { name: Topic }>(`select id, name, partitions from ${schema}.topics`)
  const topics = new Map(rows.map(({ name, id, partitions }) => [name, { id, partitions }]))
  TOPICS.forEach((name, index) => {
    const found = topics.get(name)?.partitions
    if (found !== wanted[index])
      throw new Error(`topic ${name} has ${found} partitions, not the ${wanted[index]} asked for: they cannot be changed`)
  })
  return topics
}
