import { create } from "@bufbuild/protobuf"
import { isRefusal, matchesPattern } from "@posthorn/core"
import {
  ListSubscriptionsResponseSchema,
  type ListSubscriptionsRequest,
  type Subscription,
  type SubscriptionService,
} from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { pageOf } from "../page.ts"
import type { RpcContext } from "../rpc-context.ts"
import { withHealth } from "./with-health.ts"

export const listSubscriptions =
  (context: RpcContext): Handler<typeof SubscriptionService.method.listSubscriptions> =>
  async (request, call) => {
    const { config } = context
    const applicationId = applicationOf(config.table, call.caller, request.applicationId)
    if (isRefusal(applicationId)) return applicationId
    const wanted = isNarrowed(request) ? (id: string) => isWanted(request, config.table.subscription(id)?.subscription) : undefined
    const page = pageOf(config.table.subscriptionsOf(applicationId), "subscription", { ...request, wanted })
    if (isRefusal(page)) return page
    const subscriptions = page.ids.flatMap((id) => config.table.subscription(id)?.subscription ?? [])
    return create(ListSubscriptionsResponseSchema, {
      subscriptions: await withHealth(context, subscriptions),
      nextPageToken: page.nextPageToken,
    })
  }

const isNarrowed = ({ eventType, enabled, url, search }: ListSubscriptionsRequest): boolean =>
  eventType !== "" || enabled !== undefined || url !== "" || search !== ""

function isWanted({ eventType, enabled, url, search }: ListSubscriptionsRequest, subscription: Subscription | undefined): boolean {
  if (subscription === undefined || (enabled !== undefined && subscription.enabled !== enabled)) return false
  if (eventType !== "" && !subscription.eventTypes.some((pattern) => matchesPattern(pattern, eventType))) return false
  return subscription.url.startsWith(url) && (search === "" || isCalled(search, subscription))
}

const isCalled = (search: string, { id, url, metadata, description }: Subscription): boolean =>
  id === search || url === search || Object.values(metadata).includes(search) || description.includes(search)
