import type { Verdict } from "../figures.ts"
import { runJson } from "../processes.ts"
import { fillLog } from "../rebuild/installation.ts"
import { compareInRounds } from "../rounds.ts"

const EVENTS = 100_000
/** An event and an attempt each. */
const ROWS = 2 * EVENTS

/** Rows a second that get from the log into empty analytics, and into what its own views are fed from. */
export async function analytics(): Promise<readonly Verdict[]> {
  const log = await fillLog(EVENTS)
  const perSecond = async (file: string, ...args: readonly string[]): Promise<number> =>
    ROWS / (await runJson<{ readonly seconds: number }>(file, [...args, log.plan])).seconds
  try {
    return await compareInRounds({
      name: "analytics",
      about: `${EVENTS} events and as many attempts from the log into an empty database, against the same rows, ready in memory, as bare JSONEachRow in batches of 10,000`,
      goal: { first: 0.4, aim: 0.6 },
      ours: () => perSecond("fill-view.ts", "clickhouse"),
      baseline: () => perSecond("bare-inserts.ts"),
    })
  } finally {
    await log.stop()
  }
}
