import { isRefusal, limits, type Refusal } from "@posthorn/core"
import type { Delivery } from "@posthorn/proto"
import type { Claim, EarlierClaim, IdempotencyClaims } from "@posthorn/store"
import type { Call } from "../call.ts"
import { commandNameOf, otherRequest } from "./keyed.ts"

export interface OnceContext {
  readonly claims: IdempotencyClaims
  readonly nowMs: () => number
  readonly pause: (ms: number) => Promise<void>
}

/** What a request does besides changing the configuration. */
export interface Deed<Answer> {
  readonly applicationId: string
  /** Tells whoever finds the request interrupted how things stood before; a few hundred characters at most. */
  readonly mark: string
  /** `mark` is that of the first who tried. */
  act(mark: string): Promise<Answer | Refusal>
  /** What is answered when it has been done. */
  again(mark: string): Promise<Answer | Refusal>
  /** Whether one that was interrupted is to be done, because it has not been, or because doing it twice is doing it once. */
  isOpen(mark: string): boolean
}

const POLL_MS = 20

/** What is asked of a delivery; answered is the delivery as it is then. While it stands as it did, asking again is asking once. */
export function deliveryDeed(delivery: Delivery, act: () => Promise<Delivery | Refusal>): Deed<Delivery> {
  const { id, applicationId, round, attemptCount, state } = delivery
  const mark = `${id}/${round}/${attemptCount}/${state}`
  return { applicationId, mark, act, again: async () => delivery, isOpen: (earlier) => earlier === mark }
}

/**
 * Does it once for the same caller, method and idempotency key, within `IDEMPOTENCY_WINDOW_MS`; as often as it is asked for when there is no key. A
 * refusal is not remembered. Rejects with `LogUnavailable` and `StoreUnavailable`; beginning again is safe.
 */
export async function once<Answer>(context: OnceContext, call: Call, deed: Deed<Answer>): Promise<Answer | Refusal> {
  const { keyed } = call
  if (keyed === undefined) return deed.act(deed.mark)
  const { applicationId, mark } = deed
  const bodyHash = Buffer.from(keyed.content, "base64")
  const claim: Claim = {
    applicationId,
    key: `command/${commandNameOf(call, keyed)}`,
    eventId: mark,
    bodyHash,
    claimedAtMs: context.nowMs(),
  }
  const earlier = await settled(context, claim)
  if (earlier !== "new" && !earlier.sameBody) return otherRequest()
  if (earlier !== "new" && (earlier.accepted || !deed.isOpen(earlier.eventId))) return deed.again(earlier.eventId)
  const answer = await deed.act(earlier === "new" ? mark : earlier.eventId)
  if (isRefusal(answer)) await context.claims.forget(applicationId, claim.key)
  else await context.claims.accepted(applicationId, claim.key)
  return answer
}

/** Claims the key. If it has just been claimed elsewhere, waits for that to come to its end, for `IDEMPOTENCY_SETTLE_MS` at most. */
async function settled({ claims, nowMs, pause }: OnceContext, claim: Claim): Promise<"new" | EarlierClaim> {
  let earlier = await claims.claim(claim)
  const untilMs = claim.claimedAtMs + limits.IDEMPOTENCY_SETTLE_MS
  while (earlier !== "new" && earlier.sameBody && !earlier.accepted && nowMs() < untilMs) {
    await pause(POLL_MS)
    earlier = await claims.claim(claim)
  }
  return earlier
}
