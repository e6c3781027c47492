import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import { assert, isRefusal, limits, refuse, type Refusal } from "@posthorn/core"
import type { AppendClass } from "@posthorn/log"
import type { EventAccepted } from "@posthorn/proto"
import { StoreUnavailable, type Claim, type EarlierClaim } from "@posthorn/store"
import { appendEvent } from "./append-event.ts"
import { bodyHash } from "./body-hash.ts"
import type { PublishContext } from "./publish-context.ts"

/** An event under a key. The claim of the key keeps its id, so that appending it again is appending the same event again. */
export interface KeyedEvent {
  readonly event: EventAccepted
  /** What repetitions have in common within the application. */
  readonly key: string
  /**
   * Whether the event may go on without its claim while the store is away. Its id is made of the key then, so that a repetition is in the
   * log twice, with one id and so one delivery.
   */
  readonly storeOptional: boolean
  readonly appendClass?: AppendClass | undefined
}

export interface Accepted {
  readonly eventId: string
  readonly duplicate: boolean
}

interface UnderWay {
  readonly hash: Buffer
  readonly done: Promise<Accepted | Refusal>
}

const POLL_MS = 100

const conflict = (): Refusal =>
  refuse("already_exists", "This idempotency key was used with another type, content type, metadata or payload.")
const storeAway = (): Refusal =>
  refuse("unavailable", "Idempotency keys cannot be checked at the moment. Nothing was stored.", { retryAfterSeconds: 1 })

/** Makes one idempotency key one event, whatever crashes between the claim and the log. Rejects with `LogUnavailable`. */
export class KeyedAcceptance {
  readonly #context: PublishContext
  /** Publishes of this process, by application and key: those that meet here wait for the first and need no store. */
  readonly #underWay = new Map<string, UnderWay>()

  constructor(context: PublishContext) {
    this.#context = context
  }

  async accept(keyed: KeyedEvent): Promise<Accepted | Refusal> {
    const slot = `${keyed.event.applicationId}/${keyed.key}`
    const hash = bodyHash(keyed.event)
    const first = this.#underWay.get(slot)
    if (first !== undefined) {
      if (!first.hash.equals(hash)) return conflict()
      const outcome = await first.done
      return isRefusal(outcome) ? outcome : { ...outcome, duplicate: true }
    }
    const done = this.#settle(keyed, hash)
    this.#underWay.set(slot, { hash, done })
    return done.finally(() => this.#underWay.delete(slot))
  }

  async #settle(keyed: KeyedEvent, hash: Buffer): Promise<Accepted | Refusal> {
    const { event, key } = keyed
    assert(event.acceptedAt, "an accepted event has a time")
    const { applicationId, eventId, retentionHours } = event
    const claim: Claim = { applicationId, key, eventId, bodyHash: hash, claimedAtMs: timestampMs(event.acceptedAt), retentionHours }
    try {
      const earlier = await this.#settled(claim)
      if (earlier === "new") return await this.#append(keyed, claim)
      if (!earlier.sameBody) return conflict()
      if (earlier.accepted) return { eventId: earlier.eventId, duplicate: true }
      return await this.#resume(keyed, claim, earlier)
    } catch (cause) {
      if (!(cause instanceof StoreUnavailable)) throw cause
      if (!keyed.storeOptional) return storeAway()
      this.#context.events.claimPassedOver(eventId, cause)
      await appendEvent(this.#context.log, event, keyed.appendClass)
      return { eventId, duplicate: false }
    }
  }

  /** Claims the key. If another gateway has just claimed it, waits for that one to come to its end, for `IDEMPOTENCY_SETTLE_MS` at most. */
  async #settled(claim: Claim): Promise<"new" | EarlierClaim> {
    const { claims, nowMs, pause } = this.#context
    let earlier = await claims.claim(claim)
    if (earlier === "new") return "new"
    const untilMs = Math.min(nowMs(), earlier.claimedAtMs) + limits.IDEMPOTENCY_SETTLE_MS
    while (earlier !== "new" && earlier.sameBody && !earlier.accepted && nowMs() < untilMs) {
      await pause(POLL_MS)
      earlier = await claims.claim(claim)
    }
    return earlier
  }

  /** Somebody claimed the key and was not heard of again: the event is in the log or it is not. */
  async #resume(keyed: KeyedEvent, claim: Claim, earlier: EarlierClaim): Promise<Accepted> {
    const { event } = keyed
    const { applicationId } = claim
    const { eventId } = earlier
    const seen = await this.#context.reader.getEvent({ applicationId }, eventId)
    if (seen === undefined) {
      // With the id, the time and the retention of the claim it is the same event, should the view come to see both.
      event.eventId = eventId
      event.acceptedAt = timestampFromMs(earlier.claimedAtMs)
      event.retentionHours = earlier.retentionHours
      return this.#append(keyed, claim)
    }
    await this.#remember(claim)
    return { eventId, duplicate: true }
  }

  async #append({ event, appendClass }: KeyedEvent, claim: Claim): Promise<Accepted> {
    await appendEvent(this.#context.log, event, appendClass)
    await this.#remember(claim)
    return { eventId: event.eventId, duplicate: false }
  }

  async #remember({ applicationId, key, eventId }: Claim): Promise<void> {
    // The event is accepted already; forgetting to say so costs the next repetition a look into the view.
    await this.#context.claims.accepted(applicationId, key).catch((cause: unknown) => this.#context.events.claimNotSettled(eventId, cause))
  }
}
