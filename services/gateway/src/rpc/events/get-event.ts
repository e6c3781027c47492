import { create } from "@bufbuild/protobuf"
import { isRefusal, limits, noSuch } from "@posthorn/core"
import { DeliverySchema, DeliveryState, EventSchema, GetEventResponseSchema, type Delivery, type EventService } from "@posthorn/proto"
import { tenancyOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { withStory } from "../deliveries/with-story.ts"
import type { RpcContext } from "../rpc-context.ts"
import { unmatchedOf } from "./unmatched.ts"

export const getEvent =
  (context: RpcContext): Handler<typeof EventService.method.getEvent> =>
  async ({ eventId }, call) => {
    const { config, reader } = context
    const tenancy = tenancyOf(config.table, call.caller)
    if (isRefusal(tenancy)) return tenancy
    const [event, found] = await Promise.all([reader.getEvent(tenancy, eventId), reader.deliveriesOfEvent(tenancy, eventId)])
    if (event === undefined) return noSuch("event")
    const payload = async () => (await reader.getPayload(tenancy, eventId))?.data
    const [deliveries, { unmatched, more: moreUnmatched }] = await Promise.all([
      withAttempts(context, found).then((each) => withStory(context, each)),
      unmatchedOf(config.table, { event, deliveries: found, payload, historyOf: (query) => reader.historyOf(query) }),
    ])
    const moreDeliveries = found.length === limits.EVENT_DELIVERIES_MAX
    return create(GetEventResponseSchema, {
      event: create(EventSchema, { ...event, deliveries, moreDeliveries, unmatched, moreUnmatched }),
    })
  }

/** Those come first of which somebody may ask why they have not arrived. */
async function withAttempts({ reader }: RpcContext, deliveries: readonly Delivery[]): Promise<Delivery[]> {
  const rank = ({ state }: Delivery): number => (state === DeliveryState.DELIVERED ? 1 : 0)
  const attempted = deliveries.filter(({ attemptCount }) => attemptCount > 0).toSorted((a, b) => rank(a) - rank(b))
  const found = await reader.lastAttemptsOf(attempted.slice(0, limits.STORY_DELIVERIES_MAX))
  return deliveries.map((delivery) => {
    const attempts = found.get(delivery.id)
    return attempts === undefined ? delivery : create(DeliverySchema, { ...delivery, attempts: [...attempts] })
  })
}
