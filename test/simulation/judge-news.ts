import { timestampMs } from "@bufbuild/protobuf/wkt"
import { operationalEventIdOf, tryKey } from "@posthorn/core"
import { BreakerState, DeliveryState } from "@posthorn/proto"
import type { World } from "./world.ts"

/**
 * Of what Posthorn tells of its own doing: it has happened, and what has happened is told to who asked for it by name. Who disables a
 * subscription may crash before it tells of it.
 */
export function judgeNews(world: World): void {
  const happened = new Map([...deaths(world), ...breakerMoves(world)])
  const disabled = new Set([...world.disabled].map((name) => operationalEventIdOf("subscription.disabled", name)))
  const told = new Set<string>()
  for (const { eventId, type, operational } of world.ledger.events) {
    if (!operational) continue
    told.add(eventId)
    if (!happened.has(eventId) && !disabled.has(eventId)) world.violation(`news: ${type} ${eventId} has not happened`)
  }
  for (const [eventId, { type, applicationId, certain }] of happened) {
    const wanted = world.scenario.subscriptions.some(
      (each) => each.applicationId === applicationId && each.eventTypes.includes(type) && !world.unsteady.has(each.id),
    )
    if (wanted && certain && !told.has(eventId)) world.violation(`news: nobody was told of ${type} ${eventId}`)
  }
}

interface Happening {
  readonly type: string
  readonly applicationId: string | undefined
  /** False: of an attempt that was made again, the dead letter may be all that the log took. */
  readonly certain: boolean
}

/** No death of a message about a death is told, or there would be no end. */
function* deaths({ ledger }: World): Generator<[string, Happening]> {
  for (const [name, due] of ledger.letters) {
    if (due.event?.operational !== false) continue
    const { finished, settled } = ledger.try(tryKey(due))
    const ends = [...finished, ...settled].map(({ record: { state } }) => state)
    const certain = ends.length > 0 && ends.every((state) => state === DeliveryState.DEAD)
    yield [operationalEventIdOf("delivery.dead", name), { type: "delivery.dead", applicationId: due.event.applicationId, certain }]
  }
}

function* breakerMoves({ ledger, scenario }: World): Generator<[string, Happening]> {
  for (const { subscriptionId, health } of ledger.breakers) {
    const type = health?.state === BreakerState.OPEN ? "subscription.failing" : "subscription.recovered"
    const sinceMs = health?.since ? timestampMs(health.since) : 0
    const applicationId = scenario.subscriptions.find(({ id }) => id === subscriptionId)?.applicationId
    yield [operationalEventIdOf(type, `${subscriptionId}/${sinceMs}`), { type, applicationId, certain: true }]
  }
}
