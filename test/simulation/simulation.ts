import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { createHash } from "node:crypto"
import { decideDeleteSubscription, decideDisable, decideEnable, formatId, isRefusal, type Topic } from "@posthorn/core"
import { ApplicationSchema, ConfigChangedSchema, EventAcceptedSchema } from "@posthorn/proto"
import { GROUPS, keepAuditing } from "./audit.ts"
import type { Breakage } from "./breakage.ts"
import { randomFrom } from "./random.ts"
import { drawScenario, EVENT_TYPES, type Fault, type Scenario } from "./scenario.ts"
import { SimulatedProcess } from "./simulated-process.ts"
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

const PROCESSES_MAX = 6
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
    const world = new World({ scenario: { ...drawScenario(random), ...scenario }, random, time, breakage })
    let faults = 0
    await time.run(live(world, () => faults++)).catch((error: unknown) => world.violation(String(error)))
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
  await Promise.all([publish(world), breakThings(world, onFault)])
  for (const process of world.processes) process.restore()
  await drain(world)
  await Promise.all(world.processes.map((process) => process.stop()))
  ended = true
  await audits
  await judge(world)
  await world.config.close()
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

async function addProcess(world: World): Promise<void> {
  const process = new SimulatedProcess(world, world.processes.length + 1)
  world.processes.push(process)
  await process.start()
}

async function publish(world: World): Promise<void> {
  const { scenario, random, time, log, ledger } = world
  const burst = random.chance(0.2)
  for (let left = scenario.events; left > 0; left--) {
    if (!burst || random.chance(0.1)) await time.sleep(random.between(0, (2 * scenario.lastsMs) / scenario.events))
    const applicationId = random.pick(scenario.applications)
    const eventId = formatId("event", random.bytes(16))
    const now = timestampFromMs(time.nowMs())
    const event = create(EventAcceptedSchema, {
      eventId,
      applicationId,
      type: random.pick(EVENT_TYPES),
      contentType: "application/json",
      payload: random.bytes(8),
      acceptedAt: now,
      occurredAt: now,
      configPosition: BigInt(world.config.position),
      ...(random.chance(0.1) ? { deliverAt: timestampFromMs(time.nowMs() + random.between(1, 70_000)) } : {}),
    })
    await ledger.append(log, [{ topic: "events", key: `${applicationId}/${eventId}`, value: toBinary(EventAcceptedSchema, event) }])
  }
}

async function breakThings(world: World, onFault: () => void): Promise<void> {
  const { scenario, random, time } = world
  const untilMs = time.nowMs() + scenario.lastsMs
  const pending: Promise<void>[] = []
  while (scenario.faults.length > 0 && time.nowMs() < untilMs) {
    await time.sleep(random.between(1, 2 * scenario.betweenFaultsMs))
    onFault()
    pending.push(inject(world, random.pick(scenario.faults)))
  }
  await Promise.all(pending)
}

async function inject(world: World, fault: Fault): Promise<void> {
  const { random, time, log, ledger } = world
  const here = world.processes.filter(({ state }) => state !== "gone")
  const some = here.length > 0 ? random.pick(here) : undefined
  switch (fault) {
    case "crash":
      some?.crash()
      await time.sleep(random.between(1, 8000))
      return addProcess(world)
    case "cut off":
      some?.cutOff()
      await time.sleep(random.between(10, 20_000))
      return some?.restore()
    case "join":
      return here.length < PROCESSES_MAX ? addProcess(world) : undefined
    case "leave":
      return here.length > 1 ? some?.stop() : undefined
    case "append":
      return some && world.trouble(some, random.between(10, 10_000))
    case "poison": {
      const topic = random.pick<Topic>(["events", "deliveries", "deliveries.bulk", "retry.5s", "retry.1m"])
      // No message begins with this byte.
      const value = random.chance(0.3) ? new Uint8Array() : Uint8Array.of(0xff, ...random.bytes(4))
      await ledger.append(log, [{ topic, key: `${random.next()}`, value }])
      return
    }
    case "disable":
    case "delete":
      return reconfigure(world, fault)
    default:
      return fault satisfies never
  }
}

async function reconfigure(world: World, fault: "disable" | "delete"): Promise<void> {
  const { random, time, table } = world
  const { id: subscriptionId } = random.pick(world.scenario.subscriptions)
  const context = { changeId: `${random.next()}`, nowMs: time.nowMs(), actor: { id: "simulation", requestId: "" } }
  const change =
    fault === "delete"
      ? decideDeleteSubscription(table, { subscriptionId, etag: "" }, context)
      : (decideDisable(table, { subscriptionId, reason: "as the seed wants it" }, context) ?? decideEnable(table, subscriptionId, context))
  if (change !== undefined && !isRefusal(change)) await world.config.propose(change)
}

/** Waits until every stage has done all that there is. */
async function drain(world: World): Promise<void> {
  const { time, log } = world
  const untilMs = time.nowMs() + DRAIN_MS_MAX
  for (let quiet = 0; quiet < 3;) {
    if (time.nowMs() > untilMs) return world.violation("I2: not drained in an hour after the last fault")
    if (world.processes.every(({ state }) => state === "gone")) await addProcess(world)
    await time.sleep(1000)
    const lags = await Promise.all(GROUPS.map(([group, topics]) => log.lag(group, topics)))
    quiet = lags.flat().every(({ committed, high }) => committed === high) ? quiet + 1 : 0
  }
}
