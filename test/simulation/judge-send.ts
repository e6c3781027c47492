import { timestampMs } from "@bufbuild/protobuf/wkt"
import { deliveryIdOf } from "@posthorn/core"
import type { Sent, World } from "./world.ts"

/** How long what was stopped may still be sent. */
const LAST_SENT_MS = 5000

/** What must be true of a request when it is made: I3 to I7. */
export function judgeSend(world: World, sent: Sent): void {
  const { process, subscriptionId, deliveryId, eventId, keys } = sent
  const what = `attempt ${sent.attempt} of ${deliveryId} by process ${process.number}`
  if (deliveryIdOf(eventId, subscriptionId) !== deliveryId) world.violation(`I6: ${what} is of another event`)
  // Called in the sender's own time.
  if (sent.timestamp !== Math.floor(world.time.wallMs() / 1000))
    world.violation(`I3: ${what} is not signed with the time of the wall clock`)
  if (keys.length === 0) world.violation(`I5: ${what} was never due`)
  if (!process.owns(world.partitionOf(subscriptionId))) world.violation(`I4: ${what}, which had lost its partition`)
  // Where it cannot be told which try it makes, it is the one that may be made.
  const faults = keys.map((key) => faultOf(world, sent, key))
  const [first] = faults
  if (first !== undefined && !faults.includes(undefined)) world.violation(`${first} ${what}`)
}

/** Why a try may not be made. */
function faultOf(world: World, { process, atMs, tenure }: Sent, key: string): string | undefined {
  const { dues, finished, settled } = world.ledger.try(key)
  const dueAtMs = Math.min(...dues.map(({ due: { dueAt } }) => (dueAt ? timestampMs(dueAt) : Number.POSITIVE_INFINITY)))
  if (atMs < dueAtMs) return `I5: not due before ${world.clock(dueAtMs)}:`
  for (const [why, sinceMs] of world.stops.of(dues.map(({ due }) => due))) {
    if (process.state === "up" && atMs > Math.max(sinceMs, process.hearingSinceMs) + LAST_SENT_MS)
      return `I7: ${why} since ${world.clock(sinceMs)}:`
  }
  if ([...finished, ...settled].some(({ sequence }) => tenure !== undefined && sequence <= tenure.at))
    return "I4: had ended before its owner took over:"
  // What Posthorn says of its own doing may be said again, at a later position of `config`: a subscription that was disabled in between counts.
  if (new Set(dues.map(({ due }) => due.event?.configPosition)).size > 1) return undefined
  return settled.some(({ by }) => by === process) ? "I4: its owner had settled it:" : undefined
}
