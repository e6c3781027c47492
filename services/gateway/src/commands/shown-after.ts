import { limits } from "@posthorn/core"
import type { Delivery } from "@posthorn/proto"
import { StoreUnavailable, type StatusReader, type Tenancy } from "@posthorn/store"

export interface ViewContext {
  readonly reader: StatusReader
  readonly nowMs: () => number
  readonly pause: (ms: number) => Promise<void>
}

/** Whether something has become of a delivery in between. */
export const hasMoved = (before: Delivery, after: Delivery): boolean =>
  after.round !== before.round || after.attemptCount !== before.attemptCount || after.state !== before.state

/** A delivery as the view shows it once something has become of it, or after `CONTROL_SHOWN_MS` as it stands; what the view shows never goes back. */
export async function shownAfter({ reader, nowMs, pause }: ViewContext, tenancy: Tenancy, before: Delivery): Promise<Delivery> {
  const untilMs = nowMs() + limits.CONTROL_SHOWN_MS
  let shown = before
  while (!hasMoved(before, shown) && nowMs() < untilMs) {
    await pause(limits.CONTROL_POLL_MS)
    shown = (await look(reader, tenancy, before.id)) ?? shown
  }
  return shown
}

/** What was asked for is in the log by now: that the view is away is no reason to refuse it. */
async function look(reader: StatusReader, tenancy: Tenancy, deliveryId: string): Promise<Delivery | undefined> {
  try {
    return await reader.getDelivery(tenancy, deliveryId)
  } catch (error) {
    if (error instanceof StoreUnavailable) return undefined
    throw error
  }
}
