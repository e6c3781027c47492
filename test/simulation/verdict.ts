import { timestampMs } from "@bufbuild/protobuf/wkt"
import { deliveryIdOf, evolve, START, TOPICS } from "@posthorn/core"
import { DeliveryState, type AttemptRecord } from "@posthorn/proto"
import { steadyMatches } from "./audit.ts"
import type { Sent, World } from "./world.ts"

const TERMINAL: Partial<Record<DeliveryState, string>> = {
  [DeliveryState.DELIVERED]: "delivered",
  [DeliveryState.DEAD]: "dead",
  [DeliveryState.CANCELLED]: "cancelled",
}

/** What must be true once nothing is left to do. */
export async function judge(world: World): Promise<void> {
  await judgeLedger(world)
  const copies = judgeCopies(world)
  for (const [deliveryId, history] of world.ledger.histories)
    judgeDelivery(world, { deliveryId, history, copies: copies.get(deliveryId) ?? 0 })
  for (const event of world.ledger.events) {
    for (const { id } of steadyMatches(world, event)) {
      if (!world.ledger.histories.has(deliveryIdOf(event.eventId, id))) world.violation(`I2: ${event.eventId} was never delivered to ${id}`)
    }
  }
  for (const at of world.ledger.poisoned) {
    if (!world.ledger.isBuried(at)) world.violation(`I13: ${at.topic}/${at.partition}/${at.offset} is not in the dead letters`)
  }
}

/** The ledger sees the log as it is, or nothing else here means anything. */
async function judgeLedger({ log, ledger }: World): Promise<void> {
  for (const topic of TOPICS) {
    for (const { partition, high } of await log.ends(topic)) {
      if (high !== ledger.length(topic, partition))
        throw new Error(`${topic}/${partition} holds ${high} records, the ledger knows ${ledger.length(topic, partition)}`)
    }
  }
}

/**
 * I4 and I5: an attempt is made again only by another owner, who could not have known of the first one, and never before it is due.
 * Answers how often a try of each delivery was carried out again.
 */
function judgeCopies(world: World): ReadonlyMap<string, number> {
  const { ledger, sends } = world
  const made = new Map<string, Sent[]>()
  const copies = new Map<string, number>()
  const events = new Map(ledger.events.map((event) => [event.eventId, event]))
  for (const sent of sends) {
    const { deliveryId, eventId, subscriptionId, attempt, atMs, process, takenOverAt } = sent
    const name = `${deliveryId}/1/${attempt}`
    const event = events.get(eventId)
    if (event === undefined || deliveryIdOf(eventId, subscriptionId) !== deliveryId)
      world.violation(`I6: ${name} was sent for another event`)
    const { finished, settled } = ledger.try(name)
    const before = made.get(name) ?? []
    made.set(name, [...before, sent])
    if (before.length > 0) {
      copies.set(deliveryId, (copies.get(deliveryId) ?? 0) + 1)
      if (before.some((each) => each.process === process && each.takenOverAt === takenOverAt))
        world.violation(`I4: ${name} was made twice by one owner, process ${process.number}`)
      const known = [...finished, ...settled].find(({ sequence }) => sequence <= takenOverAt)
      if (known) world.violation(`I4: ${name} was made again at ${seconds(world, atMs)} although it had ended before its owner took over`)
    }
    const due =
      attempt === 1
        ? [event?.deliverAt ?? event?.acceptedAt]
        : ledger.try(`${deliveryId}/1/${attempt - 1}`).finished.map(({ record }) => record.nextAttemptAt)
    const dueAtMs = Math.min(...due.map((at) => (at ? timestampMs(at) : Number.POSITIVE_INFINITY)))
    if (atMs < dueAtMs) world.violation(`I5: ${name} was made at ${seconds(world, atMs)}, before it was due at ${seconds(world, dueAtMs)}`)
  }
  // A try that one owner made and another one cancelled was carried out twice as well.
  for (const [name, [sent]] of made)
    if (sent && ledger.try(name).settled.length > 0) copies.set(sent.deliveryId, (copies.get(sent.deliveryId) ?? 0) + 1)
  return copies
}

interface Delivery {
  readonly deliveryId: string
  readonly history: readonly AttemptRecord[]
  /** Tries that were carried out again. */
  readonly copies: number
}

/** I2 and I5 for one delivery: attempts without holes, and one terminal state. */
function judgeDelivery(world: World, { deliveryId, history, copies }: Delivery): void {
  const standing = history.reduce(evolve, START)
  if (TERMINAL[standing.state] === undefined) world.violation(`I2: ${deliveryId} is left in state ${standing.state}`)
  const numbers = [...new Set(history.flatMap(({ record }) => (record.case === "finished" ? [record.value.attempt?.number ?? 0] : [])))]
  numbers.sort((a, b) => a - b)
  if (numbers.some((number, index) => number !== index + 1)) world.violation(`I5: ${deliveryId} has the attempts ${numbers.join(", ")}`)
  const ends = new Set(
    history.flatMap(({ record }) => {
      const end = record.case === "created" || record.value === undefined ? undefined : TERMINAL[record.value.state]
      if (end === undefined) return []
      return record.case === "finished" ? [`${end} by attempt ${record.value.attempt?.number}`] : [`${end} by a settlement`]
    }),
  )
  if (ends.size > 1 + copies) world.violation(`I2: ${deliveryId} has ended ${ends.size} times: ${[...ends].join(", ")}`)
  if (standing.state === DeliveryState.DEAD && !world.ledger.isDead(deliveryId))
    world.violation(`I2: ${deliveryId} is dead without a dead letter`)
  if (copies === 0 && standing.state !== DeliveryState.DEAD && world.ledger.isDead(deliveryId))
    world.violation(`I2: ${deliveryId} is a dead letter, and is not dead`)
}

const seconds = ({ time }: World, atMs: number): string => `${((atMs - time.nowMs() + time.monotonicMs()) / 1000).toFixed(3)} s`
