import { timestampMs } from "@bufbuild/protobuf/wkt"
import { isRefusal, limits, type Refusal } from "@posthorn/core"
import { type Attempt, type Delivery, DeliveryService } from "@posthorn/proto"
import type { DialectCalls } from "./dialect.ts"

export interface Attempted {
  /** Without its attempts. */
  readonly delivery: Delivery
  readonly attempt: Attempt
}

/** The attempts of the first `DIALECT_ATTEMPTS_MAX` deliveries that have had any. */
export async function attemptsOf(calls: DialectCalls, deliveries: readonly Delivery[]): Promise<Attempted[] | Refusal> {
  const attempted = deliveries.filter(({ attemptCount }) => attemptCount > 0).slice(0, limits.DIALECT_ATTEMPTS_MAX)
  const found: Attempted[] = []
  for (const delivery of attempted) {
    const read = await calls.rpc(DeliveryService.method.getDelivery, () => ({ deliveryId: delivery.id }))
    if (isRefusal(read)) return read
    found.push(...(read.delivery?.attempts ?? []).map((attempt) => ({ delivery, attempt })))
  }
  return found
}

/** The newest attempts of the newest deliveries, of one subscription or of all (`""`), the newest first; at most `DIALECT_ATTEMPTS_MAX`. */
export async function newestAttempts(calls: DialectCalls, subscriptionId: string): Promise<Attempted[] | Refusal> {
  const found = await calls.rpc(DeliveryService.method.listDeliveries, (applicationId) => ({
    applicationId,
    subscriptionId,
    pageSize: limits.DIALECT_ATTEMPTS_MAX,
  }))
  if (isRefusal(found)) return found
  const attempts = await attemptsOf(calls, found.deliveries)
  if (isRefusal(attempts)) return attempts
  return attempts.toSorted((a, b) => millis(b.attempt) - millis(a.attempt)).slice(0, limits.DIALECT_ATTEMPTS_MAX)
}

const millis = ({ finishedAt }: Attempt): number => (finishedAt === undefined ? 0 : timestampMs(finishedAt))
