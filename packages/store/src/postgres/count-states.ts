import { create } from "@bufbuild/protobuf"
import { limits } from "@posthorn/core"
import {
  CountDeliveriesResponseSchema,
  DeliveryState,
  DeliveryStateCountSchema,
  type CountDeliveriesRequest,
  type CountDeliveriesResponse,
} from "@posthorn/proto"
import type { Tenancy } from "../status-store.ts"
import type { Session } from "./database.ts"
import { deliveryStates } from "./enum-words.ts"
import { conjunction } from "./page.ts"
import { deliveryConditions } from "./read-deliveries.ts"

const STATES = [
  DeliveryState.SCHEDULED,
  DeliveryState.RETRYING,
  DeliveryState.DELIVERED,
  DeliveryState.DEAD,
  DeliveryState.CANCELLED,
] as const

/** Deliveries of each state that a filter takes: none is counted further than its bound, so that what is many never hides how many the others are. */
export async function countStates(session: Session, tenancy: Tenancy, request: CountDeliveriesRequest): Promise<CountDeliveriesResponse> {
  const { sql, values } = conjunction(await deliveryConditions(session, tenancy, request))
  const bound = limits.STATE_COUNT_MAX
  const counts = STATES.map(
    (state) =>
      `(select count(*) from (select from posthorn.deliveries where ${sql} and state = '${deliveryStates.word(state)}' limit ${bound + 1}) as found)`,
  )
  const [row] = await session.run<{ counts: readonly number[] }>({ text: `select array[${counts.join()}]::integer[] as counts`, values })
  return create(CountDeliveriesResponseSchema, {
    counts: STATES.map((state, index) => {
      const count = row?.counts[index] ?? 0
      return create(DeliveryStateCountSchema, { state, count: Math.min(count, bound), more: count > bound })
    }),
  })
}
