import type { Verdict } from "../figures.ts"
import { runJson } from "../processes.ts"
import { fillLog } from "../rebuild/installation.ts"
import { compareInRounds } from "../rounds.ts"

const EVENTS = 30_000

/** Events a second that become rows of empty status views: each of three records, of which one row each of events, deliveries and attempts comes. */
export async function rebuild(): Promise<readonly Verdict[]> {
  const log = await fillLog(EVENTS)
  const perSecond = async (file: string, ...args: readonly string[]): Promise<number> =>
    EVENTS / (await runJson<{ readonly seconds: number }>(file, [...args, log.plan])).seconds
  try {
    return await compareInRounds({
      name: "rebuild",
      about: `${EVENTS} events with a delivery and an attempt each, from the log into an empty schema, against upserts of the same rows that are ready in memory`,
      goal: { first: 0.35, aim: 0.6 },
      ours: () => perSecond("fill-view.ts", "postgres"),
      baseline: () => perSecond("bare-upsert.ts"),
    })
  } finally {
    await log.stop()
  }
}
