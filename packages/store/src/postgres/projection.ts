import type { KnownEntity, StatusRows } from "@posthorn/core"
import pg from "pg"
import { StoreUnavailable, type PartitionName, type ProjectedRange, type StatusProjection } from "../status-store.ts"
import { bigintColumn, integerColumn, textColumn } from "./column.ts"
import type { Database, Session, Statement } from "./database.ts"
import { classesOf, type Days } from "./days.ts"
import { configStatements } from "./write-config.ts"
import { insertAudit } from "./insert-audit.ts"
import { deadLetterStatements } from "./upsert-dead-letters.ts"
import { upsertAttempts, upsertDeliveries } from "./upsert-deliveries.ts"
import { upsertEvents } from "./upsert-events.ts"
import { upsertHealth } from "./upsert-health.ts"
import { evidenceStatements } from "./write-evidence.ts"

/** There is no table for a row's day. */
const NO_PARTITION = "23514"
/** How often tables may be dropped between being made and being written to: a round of housekeeping does it for each class, and for the day. */
const TRIES_MAX = 5

export function createProjection(database: Database, days: Days): StatusProjection {
  const write = ({ ranges, rows }: { ranges: readonly ProjectedRange[]; rows: StatusRows }) =>
    database.transaction(async (session) => {
      // The rows and the positions are lost together or not at all, and the log has them again: there is no need to wait for the disk.
      await session.run({ text: "set local synchronous_commit to off", values: [] })
      await session.run({ name: "positions-lock", text: LOCK, values: [integerColumn(ranges.map(({ partition }) => partition))] })
      if ((await session.count(movePositions(ranges))) !== ranges.length) return undefined
      await writeRows(session, rows)
      return "done" as const
    })
  return {
    async positions(partitions) {
      const names = [textColumn(partitions.map(({ topic }) => topic)), integerColumn(partitions.map(({ partition }) => partition))]
      await database.run({ name: "positions-begin", text: BEGIN, values: [...names, bigintColumn(partitions.map(({ low }) => low))] })
      const found = await database.run<PartitionName & { next_offset: number }>({ name: "positions", text: POSITIONS, values: names })
      return found.map((row) => row.next_offset)
    },
    async knownEntities(ids) {
      if (ids.length === 0) return []
      return database.run<KnownEntity>({ name: "known-entities", text: KNOWN_ENTITIES, values: [textColumn(ids)] })
    },
    async project(batch) {
      const needed = classesOf(batch.rows)
      for (let tries = 1; ; tries++) {
        await days.make(needed)
        try {
          return (await write(batch)) ?? "stale"
        } catch (error) {
          if (!(error instanceof pg.DatabaseError) || error.code !== NO_PARTITION) throw error
          if (tries === TRIES_MAX) throw new StoreUnavailable("the tables of a day come and go", error)
          // Another process has dropped some since this one made them.
          days.forget()
        }
      }
    },
  }
}

async function writeRows(session: Session, rows: StatusRows): Promise<void> {
  const statements: readonly (Statement | undefined)[] = [
    ...configStatements(rows.config),
    upsertEvents(rows.events),
    upsertDeliveries(rows.deliveries),
    ...evidenceStatements(rows),
    upsertAttempts(rows.attempts),
    upsertHealth(rows.health),
    ...deadLetterStatements(rows.deadLetters, rows.settlements),
    insertAudit(rows.audit),
  ]
  for (const statement of statements) if (statement !== undefined) await session.run(statement)
}

function movePositions(ranges: readonly ProjectedRange[]): Statement {
  return {
    name: "positions-move",
    text: MOVE,
    values: [
      textColumn(ranges.map(({ topic }) => topic)),
      integerColumn(ranges.map(({ partition }) => partition)),
      bigintColumn(ranges.map(({ first }) => first)),
      bigintColumn(ranges.map(({ next }) => next)),
    ],
  }
}

const BEGIN = `
  insert into posthorn.projector_offset (topic, partition, next_offset)
  select * from unnest($1::text[], $2::integer[], $3::bigint[])
  on conflict (topic, partition) do nothing`

const POSITIONS = `
  select o.next_offset
  from unnest($1::text[], $2::integer[]) with ordinality as asked (topic, partition, place)
  join posthorn.projector_offset o using (topic, partition)
  order by asked.place`

/**
 * Positions are locked in one order, so that two projectors that meet wait for each other instead of blocking each other; and those of every
 * topic of a partition number at once, because a dead letter and what became of it are in two topics and neither may miss the other.
 */
const LOCK = `
  select from posthorn.projector_offset
  where partition = any($1::integer[])
  order by topic, partition
  for update`

const MOVE = `
  update posthorn.projector_offset o
  set next_offset = moved.next_offset
  from unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[]) as moved (topic, partition, first_offset, next_offset)
  where o.topic = moved.topic and o.partition = moved.partition and o.next_offset = moved.first_offset`

const KNOWN_ENTITIES = `
  select 'application' as kind, id, id as "applicationId", version from posthorn.applications where id = any($1::text[])
  union all
  select 'key', id, application_id, version from posthorn.api_keys where id = any($1::text[])
  union all
  select 'subscription', id, application_id, version from posthorn.subscriptions where id = any($1::text[])
  union all
  select 'task', id, application_id, version from posthorn.tasks where id = any($1::text[])
  union all
  select 'event type', named.id, type.application_id, type.version
  from unnest($1::text[]) as named (id)
  join posthorn.event_types type on type.application_id = split_part(named.id, '/', 1) and type.name = split_part(named.id, '/', 2)
  union all
  select 'command', command, '', max(config_offset) from posthorn.audit_log where command = any($1::text[]) and command <> '' group by command`
