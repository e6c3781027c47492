import { setTimeout as wait } from "node:timers/promises"
import type { LoadPlan } from "../load.ts"
import { load } from "../processes.ts"

/** Endpoints are healthy for this long, and get enough, that Posthorn trusts them with all that it trusts anyone. */
const WARM_UP = { perSecond: 300, connections: 768, forMs: 5000 } as const
/** What came last has arrived by then. */
const REST_MS = 2000

/** Sends as the plan says, but as a warm-up; a cold process need not keep up. */
export async function warmUp(plan: Omit<LoadPlan, "forMs">): Promise<void> {
  const { wrong } = await load({ ...plan, ...WARM_UP })
  if (wrong > 0) throw new Error(`${wrong} answers were not ${plan.expectStatus}`)
  await wait(REST_MS)
}
