import type { TaskEntity } from "@posthorn/core"
import { bigintColumn, integerColumn, textColumn, timeColumn } from "./column.ts"
import type { Statement } from "./database.ts"
import { taskKinds, taskProgresses } from "./enum-words.ts"

const UPSERT = `
  insert into posthorn.tasks as held (
    id, application_id, kind, state, filter, reason, rate_per_second, total, done, created_at, finished_at, version)
  select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::bigint[], $9::bigint[], $10::timestamptz[],
    $11::timestamptz[], $12::bigint[])
  on conflict (id) do update set
    state = excluded.state, done = excluded.done, finished_at = excluded.finished_at, version = excluded.version
  where excluded.version > held.version`

export function upsertTasks(entities: readonly TaskEntity[]): Statement | undefined {
  if (entities.length === 0) return undefined
  const tasks = entities.map(({ task }) => task)
  return {
    name: "tasks-upsert",
    text: UPSERT,
    values: [
      textColumn(tasks.map(({ id }) => id)),
      textColumn(tasks.map(({ applicationId }) => applicationId)),
      textColumn(tasks.map(({ kind }) => taskKinds.word(kind))),
      textColumn(tasks.map(({ state }) => taskProgresses.word(state))),
      textColumn(tasks.map(({ filter }) => filter)),
      textColumn(tasks.map(({ reason }) => reason)),
      integerColumn(tasks.map(({ ratePerSecond }) => ratePerSecond)),
      bigintColumn(tasks.map(({ total }) => Number(total))),
      bigintColumn(tasks.map(({ done }) => Number(done))),
      timeColumn(tasks.map(({ createdAt }) => createdAt)),
      timeColumn(tasks.map(({ finishedAt }) => finishedAt)),
      bigintColumn(entities.map(({ version }) => version)),
    ],
  }
}
