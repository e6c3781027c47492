import { deliveryIdOf, deliveryIn, START, TOPICS } from "@posthorn/core"
import { DeliveryState, type AttemptRecord } from "@posthorn/proto"
import { steadyMatches } from "./audit.ts"
import { judgeNews } from "./judge-news.ts"
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
  for (const [deliveryId, history] of world.ledger.histories) judgeDelivery(world, { deliveryId, history, copies })
  const evidence = readEvidence(world)
  for (const event of world.ledger.events) {
    for (const { id } of steadyMatches(world, event)) {
      if (!world.ledger.histories.has(deliveryIdOf(event.eventId, id))) world.violation(`I2: ${event.eventId} was never delivered to ${id}`)
    }
    judgeEvidence(world, event.eventId, evidence.get(event.eventId))
  }
  for (const at of world.ledger.poisoned) {
    if (!world.ledger.isBuried(at)) world.violation(`I13: ${at.topic}/${at.partition}/${at.offset} is not in the dead letters`)
  }
  judgeNews(world)
}

/** What the log says of the deliveries of an event. */
interface Evidence {
  readonly deliveries: number
  /** The least that the router said it had matched; `undefined` = it did not say. */
  readonly matched: number | undefined
}

function readEvidence({ ledger }: World): ReadonlyMap<string, Evidence> {
  const evidence = new Map<string, Evidence>()
  for (const history of ledger.histories.values()) {
    const [first] = history
    const eventId = (first && deliveryIn(first)?.eventId) ?? ""
    const { deliveries, matched = Infinity } = evidence.get(eventId) ?? { deliveries: 0 }
    const said = history.flatMap(({ record }) => (record.case === "created" && record.value.matched > 0 ? [record.value.matched] : []))
    const least = Math.min(matched, ...said)
    evidence.set(eventId, { deliveries: deliveries + 1, matched: least === Infinity ? undefined : least })
  }
  return evidence
}

/** The log alone accounts for every event: it has its deliveries, as many as the router matched, or says that nobody took it. */
function judgeEvidence(world: World, eventId: string, found: Evidence | undefined): void {
  if (found === undefined) {
    if (!world.ledger.unmatched.has(eventId)) world.violation(`${eventId} is accounted for by nothing`)
  } else if (found.matched === undefined) world.violation(`${eventId} has deliveries and no word of how many`)
  else if (found.deliveries < found.matched) world.violation(`${eventId} has ${found.deliveries} deliveries, and matched ${found.matched}`)
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

/** I4: an attempt is made again only by another owner. Answers how often a try of each round of a delivery was carried out again. */
function judgeCopies(world: World): ReadonlyMap<string, number> {
  const { ledger, sends } = world
  const made = new Map<string, Sent[]>()
  const copies = new Map<string, number>()
  const count = (key: string): void => {
    const round = key.slice(0, key.lastIndexOf("/"))
    copies.set(round, (copies.get(round) ?? 0) + 1)
  }
  for (const sent of sends) {
    const { deliveryId, attempt, keys, process, tenure } = sent
    const name = `${deliveryId}/${attempt}`
    const before = made.get(name) ?? []
    made.set(name, [...before, sent])
    if (before.length > 0) keys.forEach(count)
    if (before.filter((each) => each.process === process && each.tenure === tenure).length >= keys.length)
      world.violation(`I4: ${name} was made twice by one owner, process ${process.number}`)
  }
  // A try that one owner made and another one settled was carried out twice as well.
  for (const key of world.made) if (ledger.try(key).settled.length > 0) count(key)
  return copies
}

interface Delivery {
  readonly deliveryId: string
  readonly history: readonly AttemptRecord[]
  /** Tries that were carried out again, by delivery and round. */
  readonly copies: ReadonlyMap<string, number>
}

/** I2 and I5 for one delivery: attempts without holes over all rounds, and one terminal state in each. */
function judgeDelivery(world: World, { deliveryId, history, copies }: Delivery): void {
  const { ledger } = world
  const standing = ledger.standings.get(deliveryId) ?? START
  if (TERMINAL[standing.state] === undefined) world.violation(`I2: ${deliveryId} is left in state ${standing.state}`)
  const numbers = [...new Set(history.flatMap(({ record }) => (record.case === "finished" ? [record.value.attempt?.number ?? 0] : [])))]
  numbers.sort((a, b) => a - b)
  if (numbers.some((number, index) => number !== index + 1)) world.violation(`I5: ${deliveryId} has the attempts ${numbers.join(", ")}`)
  for (let round = 1; round <= standing.round; round++) {
    const ends = endsOf(history, round)
    const again = copies.get(`${deliveryId}/${round}`) ?? 0
    if (ends.size === 0) world.violation(`I2: round ${round} of ${deliveryId} has not ended`)
    if (ends.size > 1 + again) world.violation(`I2: round ${round} of ${deliveryId} has ended ${ends.size} times: ${[...ends].join(", ")}`)
    // Of an attempt that two owners made, that it was delivered counts: nobody need bury it.
    const died = [...ends].some((end) => end.startsWith("dead")) && ![...ends].some((end) => end.startsWith("delivered"))
    if (died && !ledger.isDead(deliveryId, round)) world.violation(`I2: ${deliveryId} is dead without a dead letter of round ${round}`)
    // Of an attempt that was made again, the letter may be all that the log took.
    if (!died && again === 0 && ledger.isDead(deliveryId, round))
      world.violation(`I2: round ${round} of ${deliveryId} is a dead letter, and is not dead`)
  }
}

/** The ends of a round, as texts: the same end may be written twice. */
function endsOf(history: readonly AttemptRecord[], of: number): ReadonlySet<string> {
  return new Set(
    history.flatMap(({ record }) => {
      if ((record.case !== "finished" && record.case !== "settled") || record.value.round !== of) return []
      const end = TERMINAL[record.value.state]
      if (end === undefined) return []
      return [record.case === "finished" ? `${end} by attempt ${record.value.attempt?.number}` : `${end} by a settlement`]
    }),
  )
}
