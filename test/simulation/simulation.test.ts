import { create } from "@bufbuild/protobuf"
import { formatId } from "@posthorn/core"
import type { Script } from "@posthorn/outbound/scripted"
import { SubscriptionSchema } from "@posthorn/proto"
import { expect, test } from "vitest"
import type { Breakage } from "./breakage.ts"
import { runSeeds } from "./run-seeds.ts"
import { simulate, type SimulationResult } from "./simulation.ts"

const SEEDS = 200
/** An engine that is broken in one of these ways must be found within so many seeds. */
const SEEDS_TO_FIND_MAX = 200
const DEADLINE_MS = 300_000

test(
  "the delivery engine keeps its promises under crashes, cut-offs, freezes, clock jumps, rebalances, lost and doubled appends, poison, bad endpoints and commands",
  { timeout: DEADLINE_MS },
  async () => {
    const broken: string[] = []
    let repeated = 0
    const onResult = (seed: number, result: SimulationResult): void => {
      repeated += result.repeated
      if (result.violations.length > 0) broken.push(`pnpm simulate --seed ${seed}: ${result.violations.join("; ")}`)
    }
    await runSeeds({ first: 1, count: SEEDS, workers: 2, onResult })
    expect(broken).toEqual([])
    // Otherwise the faults do not reach what they are for.
    expect(repeated).toBeGreaterThan(0)
  },
)

test("the same seed gives the same run, in whatever thread and whatever ran before", { timeout: DEADLINE_MS }, async () => {
  const seeds = [1, 2, 3, 4, 5, 6]
  const together = new Map<number, SimulationResult>()
  await runSeeds({ first: 1, count: seeds.length, workers: 2, onResult: (seed, result) => void together.set(seed, result) })
  for (const seed of seeds) expect(together.get(seed)).toEqual(await simulate(seed))
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
    const scenario = {
      applications: [applicationId],
      subscriptions: [subscription],
      events: 400,
      lastsMs: 0,
      faults: [],
      commands: [],
      script,
    }
    const { violations, attempts, virtualMs } = await simulate(1, { scenario })
    expect([violations, attempts]).toEqual([[], 400])
    // Two at a time are 100 s of work; what it costs to put the rest off may not be several times that. Virtual time: no machine is too slow.
    expect(virtualMs).toBeLessThan(300_000)
  },
)

/** Ways to break the engine, and the promise that is then seen to be broken. */
const BROKEN: readonly (readonly [Breakage, RegExp])[] = [
  ["finishes early", /I8/],
  ["forgets the tail", /I4/],
  ["loses appends", /I8|I2/],
  ["skips the wait", /I5/],
  ["drops poison", /I8|I13/],
  ["ignores revocation", /I4/],
  ["counts deferrals", /I5|I8/],
  ["ignores changes", /I7/],
  ["ignores pauses", /I7/],
  ["ignores wishes", /I7|I8/],
  ["never sweeps", /I7/],
  ["parks nothing", /I2|I8/],
  ["says nothing of what nobody takes", /I8|accounted for by nothing/],
  ["takes its news for a sender's", /news/],
]

test.for(BROKEN)("an engine that %s is found", { timeout: DEADLINE_MS }, async ([breakage, promise]) => {
  for (let seed = 1; seed <= SEEDS_TO_FIND_MAX; seed++) {
    const { violations } = await simulate(seed, { breakage })
    if (violations.length === 0) continue
    expect(violations.join("\n")).toMatch(promise)
    return
  }
  expect.unreachable(`not found within ${SEEDS_TO_FIND_MAX} seeds`)
})
