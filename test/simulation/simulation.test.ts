import { create } from "@bufbuild/protobuf"
import { formatId } from "@posthorn/core"
import type { Script } from "@posthorn/outbound/scripted"
import { SubscriptionSchema } from "@posthorn/proto"
import { expect, test } from "vitest"
import { BREAKAGES, type Breakage } from "./breakage.ts"
import { simulate } from "./simulation.ts"

const SEEDS = 40
/** An engine that is broken in one of these ways must be found within so many seeds. */
const SEEDS_TO_FIND_MAX = 200
const DEADLINE_MS = 120_000

test(
  "the delivery engine keeps its promises under crashes, cut-offs, rebalances, lost and doubled appends, poison and bad endpoints",
  { timeout: DEADLINE_MS },
  async () => {
    let repeated = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      const result = await simulate(seed)
      expect(result.violations, `pnpm simulate --seed ${seed}`).toEqual([])
      repeated += result.repeated
    }
    // Otherwise the faults do not reach what they are for.
    expect(repeated).toBeGreaterThan(0)
  },
)

test("the same seed gives the same run", { timeout: DEADLINE_MS }, async () => {
  for (const seed of [3, 10, 22]) expect(await simulate(seed)).toEqual(await simulate(seed))
})

test(
  "an endpoint that is slow and never fails is given all that it can take, whatever waits for it",
  { timeout: DEADLINE_MS },
  async () => {
    const applicationId = formatId("application", new Uint8Array(16))
    const subscription = create(SubscriptionSchema, {
      id: formatId("subscription", new Uint8Array(16)),
      applicationId,
      url: "https://slow.example.net/",
      eventTypes: ["*"],
      enabled: true,
      concurrency: 2,
    })
    const script: Script = () => ({ kind: "answer", statusCode: 200, delayMs: 500 })
    const scenario = { applications: [applicationId], subscriptions: [subscription], events: 400, lastsMs: 0, faults: [], script }
    const { violations, attempts, virtualMs } = await simulate(1, { scenario })
    expect([violations, attempts]).toEqual([[], 400])
    // Two at a time are 100 s of work; what it costs to put the rest off may not be several times that. Virtual time: no machine is too slow.
    expect(virtualMs).toBeLessThan(300_000)
  },
)

const PROMISES: Readonly<Record<Breakage, RegExp>> = {
  "finishes early": /I8/,
  "forgets the tail": /I4/,
  "loses appends": /I8|I2/,
  "skips the wait": /I5/,
  "drops poison": /I8|I13/,
}

for (const breakage of BREAKAGES) {
  test(`an engine that ${breakage} is found`, { timeout: DEADLINE_MS }, async () => {
    for (let seed = 1; seed <= SEEDS_TO_FIND_MAX; seed++) {
      const { violations } = await simulate(seed, { breakage })
      if (violations.length === 0) continue
      expect(violations.join("\n")).toMatch(PROMISES[breakage])
      return
    }
    expect.unreachable(`not found within ${SEEDS_TO_FIND_MAX} seeds`)
  })
}
