import { isRefusal, limits, type Refusal } from "@posthorn/core"
import { SubscriptionService, type Subscription } from "@posthorn/proto"
import type { DialectCalls } from "./dialect.ts"

/** The subscriptions of the application, newest first, for lists that know no pages; at most `DIALECT_SUBSCRIPTIONS_MAX`. */
export async function everySubscription(calls: DialectCalls): Promise<readonly Subscription[] | Refusal> {
  const found: Subscription[] = []
  let pageToken = ""
  do {
    const page = await calls.rpc(SubscriptionService.method.listSubscriptions, (applicationId) => ({
      applicationId,
      pageSize: limits.PAGE_SIZE_MAX,
      pageToken,
    }))
    if (isRefusal(page)) return page
    found.push(...page.subscriptions)
    pageToken = page.nextPageToken
  } while (pageToken !== "" && found.length < limits.DIALECT_SUBSCRIPTIONS_MAX)
  return found
}
