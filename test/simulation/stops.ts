import type { SubscriptionEntity } from "@posthorn/core"
import { tryKey } from "@posthorn/core"
import type { DeliveryDue } from "@posthorn/proto"

interface Void {
  /** What began earlier than this offset of `config` is over. */
  readonly before: number
  readonly sinceMs: number
}

/** What may not be sent, and since when: to a subscription, or of it all that began before, or one try. */
export class Stops {
  readonly #nowMs: () => number
  readonly #off = new Map<string, number>()
  readonly #paused = new Map<string, number>()
  readonly #void = new Map<string, Void>()
  readonly #cancelled = new Map<string, number>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** A subscription has become what it is, or is gone. */
  changed(id: string, now: SubscriptionEntity | undefined): void {
    const sinceMs = this.#nowMs()
    note(this.#off, { id, on: now?.subscription.enabled !== true, sinceMs })
    note(this.#paused, { id, on: now?.subscription.paused === true, sinceMs })
    const before = now?.voidBefore ?? 0
    if (before > (this.#void.get(id)?.before ?? 0)) this.#void.set(id, { before, sinceMs })
  }

  /** Somebody wants a try not to be made. */
  cancelled(key: string): void {
    note(this.#cancelled, { id: key, on: true, sinceMs: this.#nowMs() })
  }

  /** Why a try may not be made, and since when. `records` of it: whoever wants it again wants it as `config` is by then. */
  of(records: readonly DeliveryDue[]): readonly (readonly [string, number])[] {
    const [due] = records
    if (due === undefined) return []
    const { subscriptionId } = due
    const position = Math.max(
      ...records.map(({ round, configPosition, event }) => Number(round > 1 ? configPosition : event?.configPosition)),
    )
    const over = this.#void.get(subscriptionId)
    return [
      ["disabled or deleted", this.#off.get(subscriptionId)],
      ["paused", this.#paused.get(subscriptionId)],
      ["disabled since it began", over && position < over.before ? over.sinceMs : undefined],
      ["cancelled", this.#cancelled.get(tryKey(due))],
    ].filter((each): each is [string, number] => each[1] !== undefined)
  }
}

function note(
  since: Map<string, number>,
  { id, on, sinceMs }: { readonly id: string; readonly on: boolean; readonly sinceMs: number },
): void {
  if (!on) since.delete(id)
  else if (!since.has(id)) since.set(id, sinceMs)
}
