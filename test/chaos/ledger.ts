import { deliveryIdOf } from "@posthorn/core"
import type { Arrival, EndpointName } from "./endpoints.ts"

/** What was acknowledged to the sender, and what came at the endpoints. */
export interface Ledger {
  /** Event ids by payload. */
  readonly acknowledged: ReadonlyMap<string, string>
  readonly subscriptions: Readonly<Record<EndpointName, string>>
  readonly arrivals: readonly Arrival[]
  /** The waits before the retries. */
  readonly delaysMs: readonly number[]
}

export interface Findings {
  /** Deliveries that a 2xx was given for, of those that the acknowledged events call for. */
  readonly delivered: number
  /** Deliveries that they call for and that no endpoint took. */
  readonly lost: readonly string[]
  /** 2xx that were given to a delivery that had one. */
  readonly duplicates: number
  /** Arrivals sooner after the attempt before than the policy says. */
  readonly early: readonly Arrival[]
  /** Arrivals with other bytes than were sent under this id. */
  readonly altered: number
  /** Deliveries that arrived and belong to no acknowledged event. */
  readonly unasked: number
}

export function judge({ acknowledged, subscriptions, arrivals, delaysMs }: Ledger): Findings {
  const wanted = new Map<string, string>()
  for (const [payload, eventId] of acknowledged)
    for (const subscription of Object.values(subscriptions)) wanted.set(deliveryIdOf(eventId, subscription), payload)

  const taken = new Map<string, number>()
  for (const { deliveryId, delivered } of arrivals) if (delivered) taken.set(deliveryId, (taken.get(deliveryId) ?? 0) + 1)
  const known = arrivals.filter(({ deliveryId }) => wanted.has(deliveryId))
  const strangers = arrivals.filter(({ deliveryId }) => !wanted.has(deliveryId))
  return {
    delivered: [...wanted.keys()].filter((id) => taken.has(id)).length,
    lost: [...wanted.keys()].filter((id) => !taken.has(id)),
    duplicates: [...taken.values()].reduce((sum, times) => sum + times - 1, 0),
    early: tooEarly(arrivals, delaysMs),
    altered: known.filter(({ deliveryId, body }) => wanted.get(deliveryId) !== body).length,
    unasked: new Set(strangers.map(({ deliveryId }) => deliveryId)).size,
  }
}

/** A retry is due a wait after its attempt failed, so it cannot come sooner after that attempt first arrived. */
function tooEarly(arrivals: readonly Arrival[], delaysMs: readonly number[]): Arrival[] {
  const first = new Map<string, number>()
  return arrivals.filter(({ deliveryId, attempt, atMs }) => {
    const key = `${deliveryId}/${attempt}`
    if (!first.has(key)) first.set(key, atMs)
    const before = first.get(`${deliveryId}/${attempt - 1}`)
    return before !== undefined && atMs < before + (delaysMs[attempt - 2] ?? 0)
  })
}
