import type { ParkedRecord, DeliveryDue } from "@posthorn/proto"
import { tryKey } from "../delivery/decide.ts"
import type { LogPlace } from "./finding.ts"
import type { Searched, SuspectDelivery } from "./judge-delivery.ts"

/**
 * Looks for whatever carries deliveries on among records of the log: the try that they wait for; or the one that ended last, which whoever reads it again
 * will follow up. Records of one partition have to come in order of offset.
 */
export class TrySearch {
  readonly #wanted = new Map<string, SuspectDelivery>()
  readonly #found = new Map<SuspectDelivery, LogPlace>()
  readonly #parked = new Map<SuspectDelivery, LogPlace>()
  readonly #unfinished = new Set<SuspectDelivery>()

  constructor(suspects: readonly SuspectDelivery[]) {
    for (const suspect of suspects) {
      const { deliveryId, round, attemptCount } = suspect
      this.#wanted.set(tryKey({ deliveryId, round, attempt: attemptCount + 1 }), suspect)
      if (attemptCount > 0) this.#wanted.set(tryKey({ deliveryId, round, attempt: attemptCount }), suspect)
    }
  }

  /** A try that is due, waits, or is asked for. */
  due(due: DeliveryDue, place: LogPlace): void {
    const suspect = this.#wanted.get(tryKey(due))
    if (suspect) this.#found.set(suspect, place)
  }

  parked({ record }: ParkedRecord, place: LogPlace): void {
    if (record.case === "due") {
      const suspect = this.#wanted.get(tryKey(record.value))
      if (suspect) this.#parked.set(suspect, place)
    } else if (record.case === "released") {
      // What was released is on its way elsewhere, or was.
      for (const [suspect, { partition, offset }] of this.#parked)
        if (partition === place.partition && suspect.subscriptionId === record.value.subscriptionId && offset < Number(record.value.before))
          this.#parked.delete(suspect)
    }
  }

  /** Whether something was found for every one of these that cannot be gone again. */
  knows(suspects: readonly SuspectDelivery[]): boolean {
    return suspects.every((suspect) => this.#found.has(suspect))
  }

  /** Not all that may hold this delivery could be read. */
  leave(suspect: SuspectDelivery): void {
    this.#unfinished.add(suspect)
  }

  of(suspect: SuspectDelivery): Searched {
    const place = this.#found.get(suspect) ?? this.#parked.get(suspect)
    if (place) return { kind: "found", place }
    return { kind: this.#unfinished.has(suspect) ? "not searched" : "nowhere" }
  }
}
