import { systemClock } from "@posthorn/runtime"
import { progressTo } from "../../rebuild/progress.ts"
import { verify as verifyViews, type Verified } from "../../verify/verify.ts"
import type { Command, Running } from "../command.ts"
import { showTables } from "../show-tables.ts"
import { openAnalyticsRebuild, openClickHouse, openEventLog, openExclusion, openPostgres, openShadow } from "../wire.ts"

/** Of each table, unless the command line says otherwise. */
const DIFFERENCES_MAX = 20

export const verify: Command = {
  name: "verify",
  usage: "[--json] [--differences <count>]",
  about: `Makes the status views once more from the event log and holds the live ones against them, row by row, and the attempts of analytics
against those of the status views. Everything goes on meanwhile. Exits with 0 when all is equal, 1 when it is not or cannot be told,
2 when it was called wrongly, 130 when it was interrupted.

  --json         answer as JSON
  --differences  how many rows of each table to name, ${DIFFERENCES_MAX} unless said`,
  flags: { json: { type: "boolean" }, differences: { type: "string" } },
  judge: ({ words, flags: { differences } }) =>
    words.length > 0
      ? `${words.join(" ")} means nothing`
      : differences === undefined || /^\d{1,6}$/.test(String(differences))
        ? undefined
        : "--differences takes a number",
  run,
}

async function run(running: Running): Promise<number> {
  const { lifecycle, say } = running
  const url = await openPostgres(running)
  const exclusion = await openExclusion(running, url)
  const outcome = await exclusion.exclusively("verify", (signal) => check(running, url, signal), lifecycle.signal)
  if (outcome === undefined) say("another verification is going on")
  return outcome ?? 1
}

async function check(running: Running, url: string, signal: AbortSignal): Promise<number> {
  const { config, flags, print, say } = running
  const log = await openEventLog(running, url)
  const shadow = await openShadow(running, url, "posthorn_verify")
  const analytics = await openAnalyticsRebuild(running, await openClickHouse(running))
  const verified = await verifyViews({
    log,
    shadow,
    analytics,
    progress: progressTo(say, systemClock),
    signal,
    nowMs: systemClock.nowMs(),
    retentionHours: config.retentionHours,
    differencesMax: Number(flags["differences"] ?? DIFFERENCES_MAX),
  })
  if (flags["json"] === true) print(JSON.stringify(verified))
  else for (const line of linesOf(verified)) print(line)
  return verified.clean ? 0 : 1
}

function linesOf({ clean, tables, analytics }: Verified): readonly string[] {
  if ("behind" in analytics)
    return [
      ...showTables(tables),
      `the views are ${analytics.behind} records behind the log: analytics was not compared; is the projector running?`,
    ]
  return [
    ...showTables(tables),
    `analytics: ${analytics.attempts} attempts compared, ${analytics.differing} differ`,
    ...analytics.differences.map(
      ({ applicationId, day, attempt, kind }) => `analytics: ${attempt} of ${applicationId} (${day}) is ${kind}`,
    ),
    clean ? "both views are what the log says" : "the views are not what the log says",
  ]
}
