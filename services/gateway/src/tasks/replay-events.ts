import { create } from "@bufbuild/protobuf"
import {
  candidatesOf,
  decideReplay,
  deliveryIdOf,
  isEnabled,
  limits,
  passing,
  type Pacer,
  type Requeued,
  type SubscriptionLookUp,
} from "@posthorn/core"
import { ActorSchema, TaskLeftReason, type EventAccepted, type ReplaySelection } from "@posthorn/proto"
import { appendRequeued } from "../commands/append-requeued.ts"
import type { BegunBefore } from "./begun-before.ts"
import { Left } from "./left.ts"
import type { PlacedEvent } from "./replay-span.ts"
import type { TaskContext } from "./task-context.ts"
import { pause } from "./waiting.ts"

export interface ReplayWork {
  readonly taskId: string
  readonly selection: ReplaySelection
  readonly subscriptions: SubscriptionLookUp<Iterable<string>>
  readonly pacer: Pacer
  readonly before: BegunBefore
  readonly signal: AbortSignal
  /** Told of deliveries that are begun. */
  readonly begun: (count: number) => void
}

export interface EventsDone {
  readonly events: number
  readonly left: Left
}

/** An event with a subscription that it is for. */
interface Pair {
  readonly event: EventAccepted
  readonly deliveryId: string
  readonly subscriptionId: string
  /** Why nothing can be sent to it. */
  readonly barred: TaskLeftReason | undefined
}

/** Begins what some events of a replay come to, at its pace; `undefined` = it was interrupted, and some of it is not done. */
export async function replayEvents(
  context: TaskContext,
  work: ReplayWork,
  placed: readonly PlacedEvent[],
): Promise<EventsDone | undefined> {
  const left = new Left()
  if (placed.length === 0) return { events: 0, left }
  const places = await context.store.placesOf(placed.flatMap(({ event }) => made(event.eventId, event)))
  const events: EventAccepted[] = []
  for (const { event, topic, partition, offset } of placed) {
    const first = places.get(event.eventId)
    // The log may hold an event twice, at another place: the first one counts.
    const isFirst = first === undefined || (first.topic === topic && first.partition === partition && first.offset === offset)
    if (!places.has(event.eventId)) left.add(TaskLeftReason.FORGOTTEN)
    else if (isFirst) events.push(event)
  }
  for (const pairs of portions(pairsOf(context, work, events))) {
    if (!(await replayPairs(context, work, { pairs, left }))) return undefined
  }
  for (const { eventId } of events) work.before.passed(eventId)
  return { events: events.length, left }
}

async function replayPairs(
  context: TaskContext,
  work: ReplayWork,
  { pairs, left }: { readonly pairs: readonly Pair[]; readonly left: Left },
): Promise<boolean> {
  const { config, store, nowMs } = context
  const { taskId, selection, before, pacer, signal } = work
  const fresh = pairs.filter(({ event, deliveryId }) => !before.has(event.eventId, deliveryId))
  const standings = await store.standingsOf(fresh.flatMap(({ event, deliveryId }) => made(deliveryId, event)))
  const actor = create(ActorSchema, { id: taskId })
  let rounds: Requeued[] = []
  for (const { event, deliveryId, subscriptionId, barred } of fresh) {
    const how = { nowMs: nowMs(), configPosition: config.position, actor, taskId }
    const decided = decideReplay({ event, subscriptionId, delivery: standings.get(deliveryId), selection }, how)
    if (decided === "on its way") left.add(TaskLeftReason.ON_ITS_WAY)
    else if (decided !== "not selected" && barred !== undefined) left.add(barred)
    else if (decided !== "not selected") rounds.push(decided)
    if (rounds.length < pacer.batch) continue
    if (!(await begin(context, work, rounds))) return false
    rounds = []
  }
  return (rounds.length === 0 || (await begin(context, work, rounds))) && !signal.aborted
}

async function begin({ log, nowMs }: TaskContext, { pacer, signal, begun }: ReplayWork, rounds: readonly Requeued[]): Promise<boolean> {
  await pause(pacer.reserve(rounds.length, nowMs()), signal)
  if (signal.aborted) return false
  await appendRequeued(log, rounds)
  begun(rounds.length)
  return true
}

/** A delivery's time is its event's. */
const made = (id: string, { acceptedAt }: EventAccepted) => (acceptedAt === undefined ? [] : [{ id, createdAt: acceptedAt }])

function* pairsOf({ config: { table } }: TaskContext, { subscriptions }: ReplayWork, events: readonly EventAccepted[]): Generator<Pair> {
  for (const event of events) {
    for (const subscriptionId of candidatesOf(event, subscriptions)) {
      const pair = { event, subscriptionId, deliveryId: deliveryIdOf(event.eventId, subscriptionId) }
      const entity = table.subscription(subscriptionId)
      if (entity === undefined) yield { ...pair, barred: TaskLeftReason.DELETED }
      else if (entity.subscription.applicationId === event.applicationId && passing(event, [entity]).length > 0)
        yield { ...pair, barred: isEnabled(entity) ? undefined : TaskLeftReason.DISABLED }
    }
  }
}

function* portions(pairs: Iterable<Pair>): Generator<readonly Pair[]> {
  let portion: Pair[] = []
  for (const pair of pairs) {
    if (portion.push(pair) < limits.REPLAY_LOOK_MAX) continue
    yield portion
    portion = []
  }
  if (portion.length > 0) yield portion
}
