import { create, type MessageInitShape } from "@bufbuild/protobuf"
import { createHash } from "node:crypto"
import { ApplicationSchema, ConfigChangedSchema } from "@posthorn/proto"
import { isDrained, keepAuditing } from "./audit.ts"
import type { Breakage } from "./breakage.ts"
import { carryOut } from "./commands.ts"
import { inject } from "./faults.ts"
import { publish } from "./publish.ts"
import { randomFrom } from "./random.ts"
import { drawScenario, type Scenario } from "./scenario.ts"
import { addProcess } from "./simulated-process.ts"
import { judgeSend } from "./judge-send.ts"
import { watchSweep } from "./sweep-watch.ts"
import { judge } from "./verdict.ts"
import { VirtualTime } from "./virtual-time.ts"
import { World } from "./world.ts"

export interface SimulationResult {
  /** What was not as promised. */
  readonly violations: readonly string[]
  readonly events: number
  readonly attempts: number
  /** Attempts that were made more than once. */
  readonly repeated: number
  readonly faults: number
  readonly virtualMs: number
  /** The same when, and only when, the same happened. */
  readonly digest: string
}

const DRAIN_MS_MAX = 60 * 60_000

export interface SimulationOptions {
  readonly breakage?: Breakage
  /** Replaces what was drawn. */
  readonly scenario?: Partial<Scenario>
}

/** One run of several delivery processes on one log, with everything that is left to chance drawn from the seed. */
export async function simulate(seed: number, { breakage, scenario }: SimulationOptions = {}): Promise<SimulationResult> {
  const random = randomFrom(seed)
  const time = new VirtualTime(random)
  const restore = time.install()
  try {
    const drawn = { ...drawScenario(random, () => time.monotonicMs()), ...scenario }
    const world = new World({ scenario: drawn, random, time, breakage, onSend: judgeSend, onStop: watchSweep })
    let faults = 0
    // What a broken engine does after it was found out is of no interest.
    const enough = (): boolean => breakage !== undefined && world.violations.length > 0
    await time
      .run(
        live(world, () => faults++),
        enough,
      )
      .catch((error: unknown) => world.violation(String(error)))
    return resultOf(world, faults)
  } finally {
    restore()
  }
}

async function live(world: World, onFault: () => void): Promise<void> {
  const { scenario } = world
  await world.begin()
  await configure(world)
  await Promise.all(Array.from({ length: scenario.processes }, () => addProcess(world)))
  let ended = false
  const audits = keepAuditing(world, () => ended)
  await Promise.all([
    publish(world),
    happen(world, { everyMs: scenario.betweenFaultsMs, of: scenario.faults, begin: (fault) => inject(world, fault), onBegin: onFault }),
    happen(world, {
      everyMs: scenario.betweenCommandsMs,
      of: scenario.commands,
      begin: (command) => carryOut(world, command),
      onBegin: onFault,
    }),
  ])
  await drain(world)
  await Promise.all(world.watches)
  await Promise.all(world.processes.map((process) => process.stop()))
  ended = true
  await audits
  await judge(world)
  await world.config.close()
  // What somebody heard of, or asked for, in the last moment.
  await world.time.sleep(1000)
  if (scenario.faults.length === 0 && world.time.waiting > 0)
    world.violation(`I12: ${world.time.waiting} timers are left when all is closed`)
}

function resultOf({ violations, ledger, sends, time }: World, faults: number): SimulationResult {
  const tries = new Set(sends.map(({ deliveryId, attempt }) => `${deliveryId}/${attempt}`))
  const facts = sends.map(({ process, deliveryId, attempt, atMs }) => `${process.number} ${deliveryId} ${attempt} ${atMs}`)
  return {
    violations,
    events: ledger.events.length,
    attempts: sends.length,
    repeated: sends.length - tries.size,
    faults,
    virtualMs: time.monotonicMs(),
    digest: createHash("sha256").update(`${ledger.sequence} ${facts.join()} ${violations.join()}`).digest("hex").slice(0, 16),
  }
}

async function configure(world: World): Promise<void> {
  const { applications, subscriptions } = world.scenario
  const changes: MessageInitShape<typeof ConfigChangedSchema>[] = [
    ...applications.map((id) => ({
      entityId: id,
      state: { case: "application", value: { application: create(ApplicationSchema, { id }) } } as const,
    })),
    ...subscriptions.map((subscription) => ({
      entityId: subscription.id,
      state: { case: "subscription", value: { subscription } } as const,
    })),
  ]
  for (const change of changes)
    await world.config.propose(create(ConfigChangedSchema, { ...change, changeId: `create ${change.entityId}` }))
}

interface Happenings<T> {
  readonly everyMs: number
  readonly of: readonly T[]
  /** Resolves once what can be over is over. */
  readonly begin: (what: T) => Promise<void>
  readonly onBegin: () => void
}

/** Lets things happen while the run lasts, whether or not what began before is over; resolves once all is. */
async function happen<T>({ scenario, random, time }: World, { everyMs, of, begin, onBegin }: Happenings<T>): Promise<void> {
  const untilMs = time.nowMs() + scenario.lastsMs
  const pending: Promise<void>[] = []
  while (of.length > 0 && time.nowMs() < untilMs) {
    await time.sleep(random.between(1, 2 * everyMs))
    onBegin()
    pending.push(begin(random.pick(of)))
  }
  await Promise.all(pending)
}

/** Waits until every stage has done all that there is. */
async function drain(world: World): Promise<void> {
  const { time } = world
  const untilMs = time.nowMs() + DRAIN_MS_MAX
  for (let quiet = 0; quiet < 3;) {
    if (time.nowMs() > untilMs) return world.violation("I2: not drained in an hour after the last fault")
    if (world.processes.every(({ state }) => state === "gone")) await addProcess(world)
    await time.sleep(1000)
    quiet = (await isDrained(world)) ? quiet + 1 : 0
  }
}
