import { create } from "@bufbuild/protobuf"
import { decideReplay, isRefusal, limits, noSuch, type Requeued } from "@posthorn/core"
import {
  ActorSchema,
  ReplayedDeliverySchema,
  ReplayEventResponseSchema,
  ReplayResult,
  ReplaySelection,
  type EventAccepted,
  type EventService,
  type ReplayedDelivery,
} from "@posthorn/proto"
import type { EventPlace } from "@posthorn/store"
import { tenancyOf } from "../../access/tenancy.ts"
import type { Call, Handler } from "../../call.ts"
import { acceptedEvent } from "../../commands/accepted-event.ts"
import { appendRequeued } from "../../commands/append-requeued.ts"
import { once } from "../../commands/once.ts"
import type { RpcContext } from "../rpc-context.ts"
import { replayTargets, type ReplayTarget } from "./replay-targets.ts"

export const replayEvent =
  (context: RpcContext): Handler<typeof EventService.method.replayEvent> =>
  async ({ eventId, subscriptionIds }, call) => {
    const { config, reader, log } = context
    const tenancy = tenancyOf(config.table, call.caller)
    if (isRefusal(tenancy)) return tenancy
    const found = await reader.getAccepted(tenancy, eventId)
    if (found === undefined) return noSuch("event")
    const event = await acceptedEvent(log, found)
    const targets = await replayTargets(context, { tenancy, event, subscriptionIds })
    if (isRefusal(targets)) return targets
    const rounds = targets.reduce((sum, { delivery }) => sum + (delivery?.round ?? 0), 0)
    const mark = `${eventId}/${rounds}`
    const deliveries = await once<ReplayedDelivery[]>(context, call, {
      applicationId: event.applicationId,
      mark,
      act: async () => replay(context, call, { event, targets, isRouted: await hasBeenRouted(context, found.place) }),
      again: async () => targets.map((target) => replayed(target, ReplayResult.DONE_BEFORE)),
      isOpen: (earlier) => earlier === mark,
    })
    return isRefusal(deliveries) ? deliveries : create(ReplayEventResponseSchema, { deliveries })
  }

interface Replayed {
  readonly event: EventAccepted
  readonly targets: readonly ReplayTarget[]
  /** Whether there is a delivery for everybody whom the event matched when it was new. */
  readonly isRouted: boolean
}

async function replay({ log, config, nowMs }: RpcContext, call: Call, { event, targets, isRouted }: Replayed): Promise<ReplayedDelivery[]> {
  const actor = create(ActorSchema, { id: call.caller.keyId, requestId: call.requestId })
  const how = { nowMs: nowMs(), configPosition: config.position, actor, taskId: "", bulk: true }
  const results: ReplayedDelivery[] = []
  const rounds: Requeued[] = []
  for (const target of targets) {
    const { subscriptionId, delivery, enabled, matches } = target
    if (!enabled) results.push(replayed(target, ReplayResult.DISABLED))
    else if (delivery === undefined && !matches) results.push(replayed(target, ReplayResult.NOT_MATCHED))
    else if (delivery === undefined && !isRouted) results.push(replayed(target, ReplayResult.ON_ITS_WAY))
    else {
      const decided = decideReplay({ event, subscriptionId, delivery, selection: ReplaySelection.UNSPECIFIED }, how)
      const begins = typeof decided === "object"
      const { NEW_ROUND, NEW_DELIVERY, ON_ITS_WAY } = ReplayResult
      results.push(replayed(target, begins ? (delivery ? NEW_ROUND : NEW_DELIVERY) : ON_ITS_WAY, begins ? decided.due.round : undefined))
      if (begins) rounds.push(decided)
    }
  }
  for (let at = 0; at < rounds.length; at += limits.TASK_BATCH_MAX) await appendRequeued(log, rounds.slice(at, at + limits.TASK_BATCH_MAX))
  return results
}

function replayed(
  { subscriptionId, deliveryId, delivery }: ReplayTarget,
  result: ReplayResult,
  round = delivery?.round ?? 0,
): ReplayedDelivery {
  const isThere = delivery !== undefined || result === ReplayResult.NEW_DELIVERY || result === ReplayResult.ON_ITS_WAY
  return create(ReplayedDeliverySchema, { subscriptionId, deliveryId: isThere ? deliveryId : "", result, round })
}

/** Whether the router has read the event; one whose place is not known is old. */
async function hasBeenRouted({ log }: RpcContext, place: EventPlace | undefined): Promise<boolean> {
  if (place === undefined) return true
  const lags = await log.lag("router", [place.topic])
  return lags.some(({ partition, committed }) => partition === place.partition && committed > place.offset)
}
