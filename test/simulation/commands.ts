import { create, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import {
  decideCancelTry,
  decideDeleteSubscription,
  decideDisable,
  decideEnable,
  decidePause,
  decideRequeue,
  decideResume,
  decideRunTry,
  deliveryIn,
  isRefusal,
  isWaiting,
  lastTryOf,
  START,
  type WaitingDelivery,
} from "@posthorn/core"
import type { NewRecord } from "@posthorn/log"
import {
  ActorSchema,
  AttemptRecordSchema,
  ControlRecordSchema,
  DeliveryDueSchema,
  DeliverySchema,
  DeliveryState,
  type ConfigChanged,
  type ControlRecord,
  type Delivery as DeliveryView,
  type Subscription,
} from "@posthorn/proto"
import type { Command } from "./scenario.ts"
import type { World } from "./world.ts"

const WAITING: ReadonlySet<DeliveryState> = new Set([DeliveryState.SCHEDULED, DeliveryState.RETRYING])
const actor = create(ActorSchema, { id: "simulation" })

/** Carries out a command as the gateway does; resolves once it is over, a pause when it is. */
export async function carryOut(world: World, command: Command): Promise<void> {
  const { random, table, scenario } = world
  const subscription = random.pick(scenario.subscriptions)
  const { id } = subscription
  switch (command) {
    case "disable":
      return change(
        world,
        (context) => decideDisable(table, { subscriptionId: id, reason: "" }, context) ?? decideEnable(table, id, context),
      )
    case "delete":
      return change(world, (context) => {
        const decided = decideDeleteSubscription(table, { subscriptionId: id, etag: "" }, context)
        return isRefusal(decided) ? undefined : decided
      })
    case "pause":
      return pause(world, subscription)
    case "cancel":
      return cancelOne(world)
    case "retry":
      return retryOne(world)
    case "redrive":
      return redrive(world, id)
    default:
      return command satisfies never
  }
}

type Context = Parameters<typeof decidePause>[2]

/** Until it takes effect, or there is nothing to do: others may be changing the same. */
async function change(world: World, decide: (context: Context) => ConfigChanged | undefined): Promise<void> {
  for (;;) {
    const decided = decide({ changeId: `${world.random.next()}`, nowMs: world.time.nowMs(), actor })
    if (decided === undefined || (await world.config.propose(decided))) return
  }
}

async function pause(world: World, { id }: Subscription): Promise<void> {
  await change(world, (context) => decidePause(world.table, id, context))
  await world.time.sleep(world.random.between(10, 20_000))
  await change(world, (context) => decideResume(world.table, id, context))
}

/** A delivery as the status view shows it, with its event. */
function view({ ledger }: World, deliveryId: string): Pick<WaitingDelivery, "delivery" | "event"> | undefined {
  const { state, round, attemptCount, nextAttemptAtMs } = ledger.standings.get(deliveryId) ?? START
  const event = ledger.lastOf(deliveryId, round)?.due.event
  const [first] = ledger.histories.get(deliveryId) ?? []
  const facts = first && deliveryIn(first)
  if (event === undefined || facts === undefined) return undefined
  const { $typeName: _typeName, deliveryId: id, ...rest } = facts
  const nextAttemptAt = nextAttemptAtMs === undefined ? {} : { nextAttemptAt: timestampFromMs(nextAttemptAtMs) }
  return { event, delivery: create(DeliverySchema, { id, ...rest, state, round, attemptCount, ...nextAttemptAt }) }
}

function pickDelivery(world: World, { waiting }: { readonly waiting: boolean }): ReturnType<typeof view> {
  const ids = [...world.ledger.standings].filter(([, { state }]) => WAITING.has(state) === waiting).map(([id]) => id)
  return ids.length === 0 ? undefined : view(world, world.random.pick(ids))
}

async function cancelOne(world: World): Promise<void> {
  const picked = pickDelivery(world, { waiting: true })
  if (picked === undefined) return
  await growOld(world)
  const { id, round, attemptCount } = picked.delivery
  const key = `${id}/${round}/${attemptCount + 1}`
  // What is under way may come to whatever it does.
  if (!world.made.has(key)) world.stops.cancelled(key)
  await control(
    world,
    picked.delivery,
    decideCancelTry(picked.delivery, { actor, nowMs: world.time.nowMs(), reason: "as the seed wants it" }),
  )
}

async function retryOne(world: World): Promise<void> {
  const picked = pickDelivery(world, { waiting: world.random.chance(0.7) })
  if (picked === undefined || !isEnabledNow(world, picked.delivery.subscriptionId)) return
  const { delivery } = picked
  await growOld(world)
  if (!isWaiting(delivery)) return requeue(world, picked, "")
  const wanted = { actor, nowMs: world.time.nowMs(), configPosition: world.config.position }
  await control(world, delivery, decideRunTry({ ...picked, roundFirst: roundFirstOf(world, delivery) }, wanted))
}

/** The first attempt of a delivery's round that has ended. */
function roundFirstOf({ ledger }: World, { id, round }: DeliveryView): WaitingDelivery["roundFirst"] {
  for (const { record } of ledger.histories.get(id) ?? []) {
    if (record.case === "finished" && record.value.round === round && record.value.attempt)
      return { number: record.value.attempt.number, startedAt: record.value.attempt.startedAt }
  }
  return undefined
}

async function redrive(world: World, subscriptionId: string): Promise<void> {
  if (!isEnabledNow(world, subscriptionId)) return
  for (const deliveryId of world.ledger.standings.keys()) {
    const seen = view(world, deliveryId)
    if (seen?.delivery.subscriptionId === subscriptionId && seen.delivery.state === DeliveryState.DEAD) {
      await growOld(world)
      await requeue(world, seen, "task")
    }
  }
}

async function requeue(world: World, seen: Pick<WaitingDelivery, "delivery" | "event">, taskId: string): Promise<void> {
  const how = { nowMs: world.time.nowMs(), configPosition: world.config.position, actor, taskId }
  const { due, record } = decideRequeue(lastTryOf(seen), how)
  const key = due.subscriptionId
  await append(world, [
    { topic: "attempts", key, value: toBinary(AttemptRecordSchema, record) },
    { topic: due.bulk ? "deliveries.bulk" : "deliveries", key, value: toBinary(DeliveryDueSchema, due) },
  ])
}

const isEnabledNow = ({ table }: World, subscriptionId: string): boolean =>
  table.subscription(subscriptionId)?.subscription.enabled === true

const control = (world: World, { subscriptionId }: DeliveryView, record: ControlRecord): Promise<void> =>
  append(world, [{ topic: "control", key: subscriptionId, value: toBinary(ControlRecordSchema, record) }])

/** What was seen may be older by this when it is acted on. */
const STALE_MS_MAX = 1000
const growOld = async ({ random, time }: World): Promise<void> =>
  void (random.chance(0.3) && (await time.sleep(random.between(1, STALE_MS_MAX))))

/** The gateway appends again what was in doubt. */
async function append({ log, ledger, random }: World, records: readonly NewRecord[]): Promise<void> {
  await ledger.append(log, records)
  if (random.chance(0.1)) await ledger.append(log, records)
}
