import { create } from "@bufbuild/protobuf"
import {
  acceptEvent,
  deliveryIdOf,
  filterFailure,
  filterSubjectOf,
  isRefusal,
  refuse,
  type FilterFailure,
  type Refusal,
} from "@posthorn/core"
import { TestSubscriptionResponseSchema, type SubscriptionService } from "@posthorn/proto"
import { ownedSubscription } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { once } from "../../commands/once.ts"
import { appendEvent } from "../../publish/append-event.ts"
import { jsonOfValue, unwritable } from "../event-types/json-value.ts"
import { failedClauseOf } from "./failed-clause.ts"
import type { RpcContext } from "../rpc-context.ts"

const TYPE_DEFAULT = "webhook.test"
const NOTHING_ELSE = { contentType: "application/json", id: "", idempotencyKey: "", metadata: {}, wellFormed: true } as const
const EXAMPLE = { message: "This is a test of your subscription. Nothing has happened." }

export const testSubscription =
  (context: RpcContext): Handler<typeof SubscriptionService.method.testSubscription> =>
  async ({ subscriptionId, type, data }, call) => {
    const { config, log, nowMs } = context
    const entity = ownedSubscription(config.table, call.caller, subscriptionId)
    if (isRefusal(entity)) return entity
    const { applicationId, enabled, disabledReason, filter } = entity.subscription
    if (!enabled) return refuse("failed_precondition", `The subscription is disabled: ${disabledReason}.`)
    const json = data === undefined ? EXAMPLE : jsonOfValue(data)
    if (json === undefined) return unwritable("data")
    const payload = Buffer.from(JSON.stringify(json))
    const input = { ...NOTHING_ELSE, applicationId, type: type || TYPE_DEFAULT, payload }
    const retentionHours = config.table.retentionHoursOf(applicationId)
    const at = { nowMs: nowMs(), wallMs: nowMs(), configPosition: config.position, retentionHours, onlySubscriptionId: subscriptionId }
    const act = async (eventId: string): Promise<string | Refusal> => {
      const event = acceptEvent(input, { ...at, eventId })
      if (isRefusal(event)) return event
      const failure = filter && filterFailure(filter, filterSubjectOf(event))
      if (failure) return filteredOut(failure)
      await appendEvent(log, event)
      return eventId
    }
    const deed = { applicationId, mark: context.newId("event"), act, again: async (mark: string) => mark, isOpen: () => true }
    const eventId = await once(context, call, deed)
    if (isRefusal(eventId)) return eventId
    return create(TestSubscriptionResponseSchema, { eventId, deliveryId: deliveryIdOf(eventId, subscriptionId) })
  }

function filteredOut(failure: FilterFailure): Refusal {
  const { path, operator, expected, actual } = failedClauseOf(failure)
  const found = actual === "" ? "there is nothing" : `there is ${actual}`
  return refuse(
    "failed_precondition",
    `The subscription's filter does not take this event: ${path} must be ${operator} ${expected}, and ${found}.`,
  )
}
