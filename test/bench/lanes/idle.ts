import { setTimeout as wait } from "node:timers/promises"
import { cpuSecondsOf } from "../cpu-time.ts"
import { startPosthorn } from "../posthorn.ts"
import type { Verdict } from "../figures.ts"
import { measureInRounds } from "../rounds.ts"

const SETTLE_MS = 10_000
const FOR_MS = 20_000

/** What Posthorn costs while nothing happens: its own process, and the stores that it started. */
export async function idle(): Promise<readonly Verdict[]> {
  const posthorn = await startPosthorn()
  try {
    return await measureInRounds({
      name: "idle",
      about: `CPU time of an idle standalone over ${FOR_MS / 1000} s, in percent of one core; its goal is that of one role, and it is all of them`,
      goals: { ownPercent: { first: 1.5, aim: 0.5 } },
      warmUp: () => wait(SETTLE_MS),
      measure: async () => {
        const before = await cpuSecondsOf(posthorn.pid)
        await wait(FOR_MS)
        const after = await cpuSecondsOf(posthorn.pid)
        const percent = (seconds: number): number => (seconds * 100_000) / FOR_MS
        return { ownPercent: percent(after.own - before.own), storesPercent: percent(after.children - before.children) }
      },
    })
  } finally {
    await posthorn.stop()
  }
}
