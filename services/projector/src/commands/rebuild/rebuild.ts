import { systemClock } from "@posthorn/runtime"
import { progressTo } from "../../rebuild/progress.ts"
import { rebuildClickHouse } from "../../rebuild/rebuild-clickhouse.ts"
import { rebuildPostgres } from "../../rebuild/rebuild-postgres.ts"
import type { Command, Running } from "../command.ts"
import { showTables } from "../show-tables.ts"
import { openAnalyticsRebuild, openClickHouse, openEventLog, openExclusion, openPostgres, openShadow } from "../wire.ts"

export const rebuild: Command = {
  name: "rebuild",
  usage: "postgres|clickhouse [--restart] [--keep-old] [--drop-unexplained]",
  about: `Makes a view anew from the event log beside the live one, and puts it in its place while everything goes on. What is interrupted
goes on where it was when the command is given again. Exits with 0 when the new view is the live one, 1 when it is not, 2 when it
was called wrongly, 130 when it was interrupted.

  --restart           begin anew instead of going on
  --keep-old          postgres: leave the view that was live in the schema posthorn_old
  --drop-unexplained  postgres: swap although the live view has rows that the log does not explain; they are gone then`,
  flags: { restart: { type: "boolean" }, "keep-old": { type: "boolean" }, "drop-unexplained": { type: "boolean" } },
  judge: ({ words }) =>
    words.length === 1 && (words[0] === "postgres" || words[0] === "clickhouse") ? undefined : "name the view to make anew",
  run,
}

async function run(running: Running): Promise<number> {
  const { say, lifecycle, words } = running
  const url = await openPostgres(running)
  const { signal } = lifecycle
  const exclusion = await openExclusion(running, url)
  const [view = ""] = words
  const work = (held: AbortSignal): Promise<number> => (view === "postgres" ? postgres(running, url, held) : clickhouse(running, url, held))
  const outcome = await exclusion.exclusively(`rebuild ${view}`, work, signal)
  if (outcome === undefined) say("another rebuild of this view is going on")
  return outcome ?? 1
}

async function postgres(running: Running, url: string, signal: AbortSignal): Promise<number> {
  const { config, flags, print, say } = running
  const log = await openEventLog(running, url)
  const shadow = await openShadow(running, url, "posthorn_rebuild")
  const work = { log, shadow, progress: progressTo(say, systemClock), signal, nowMs: systemClock.nowMs() }
  const { swapped, tables, carriedOver, notes } = await rebuildPostgres(work, {
    restart: flags["restart"] === true,
    keepOld: flags["keep-old"] === true,
    dropUnexplained: flags["drop-unexplained"] === true,
    retentionHours: config.retentionHours,
  })
  for (const line of showTables(tables)) print(line)
  for (const [table, rows] of carriedOver) print(`${table}: ${rows} rows carried over that the log has let go`)
  for (const note of notes) print(note)
  print(
    swapped ? "the new view is live" : "the live view has rows that the log does not explain, so it stays; --drop-unexplained drops them",
  )
  return swapped ? 0 : 1
}

async function clickhouse(running: Running, url: string, signal: AbortSignal): Promise<number> {
  const { flags, print, say } = running
  const log = await openEventLog(running, url)
  const analytics = await openAnalyticsRebuild(running, await openClickHouse(running))
  const work = { log, analytics, progress: progressTo(say, systemClock), signal, nowMs: systemClock.nowMs() }
  const days = await rebuildClickHouse(work, { restart: flags["restart"] === true })
  for (const { table, day, done } of days) print(`${table} ${day} ${done}`)
  print("the new rows are live")
  return 0
}
