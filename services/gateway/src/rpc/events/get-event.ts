import { create } from "@bufbuild/protobuf"
import { isRefusal, noSuch } from "@posthorn/core"
import { EventSchema, GetEventResponseSchema, type EventService } from "@posthorn/proto"
import { tenancyOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"
import { unmatchedOf } from "./unmatched.ts"
import { withPause } from "../subscriptions/with-pause.ts"

export const getEvent =
  ({ config, reader }: RpcContext): Handler<typeof EventService.method.getEvent> =>
  async ({ eventId }, call) => {
    const tenancy = tenancyOf(config.table, call.caller)
    if (isRefusal(tenancy)) return tenancy
    const [event, found] = await Promise.all([reader.getEvent(tenancy, eventId), reader.deliveriesOfEvent(tenancy, eventId)])
    if (event === undefined) return noSuch("event")
    const deliveries = found.map((delivery) => withPause(config.table, delivery))
    const payload = async () => (await reader.getPayload(tenancy, eventId))?.data
    const unmatched = await unmatchedOf(config.table, { event, deliveries, payload })
    return create(GetEventResponseSchema, { event: create(EventSchema, { ...event, deliveries, unmatched }) })
  }
