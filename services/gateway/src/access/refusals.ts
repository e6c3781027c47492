import { create, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { applicationIdOf, limits, ShareMeter, type ConfigTable } from "@posthorn/core"
import type { LogAppender, NewRecord } from "@posthorn/log"
import { AuditRecordSchema } from "@posthorn/proto"
import type { RefusalNotes, RefusedCall } from "../call.ts"

export interface RefusalsOptions {
  readonly log: LogAppender
  readonly table: ConfigTable
  readonly nowMs: () => number
  /** An id unlike every other. */
  readonly newId: () => string
  readonly events: RefusalEvents
}

export interface RefusalEvents {
  /** A refused request is going to be in the audit log, or was left out because there are too many of them. */
  refusalNoted(recorded: boolean): void
  /** The log did not take refused requests; they are tried again. */
  refusalsWaiting(count: number, cause: unknown): void
}

const ANONYMOUS = "anonymous"

/**
 * Writes refused requests to the topic `audit`, in the lower class and off the way of those who ask. Bounded, so that a flood of requests that are
 * refused costs little: a share of each caller or address is recorded, and of each application's callers together; how many were left out is told with
 * the next of the same. Those that nobody knows have a share of their own: they cannot hide what a key does.
 */
export class Refusals implements RefusalNotes {
  readonly #options: RefusalsOptions
  readonly #each = new ShareMeter({ perSecond: limits.REFUSALS_PER_SECOND, burst: limits.REFUSALS_BURST })
  readonly #together = new ShareMeter({ perSecond: limits.REFUSALS_TOGETHER_PER_SECOND, burst: limits.REFUSALS_TOGETHER_BURST })
  readonly #leftOut = new Map<string, number>()
  #waiting: NewRecord[] = []
  #timer: NodeJS.Timeout | undefined
  #appending: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(options: RefusalsOptions) {
    this.#options = options
  }

  refused(call: RefusedCall): void {
    const share = call.caller?.keyId ?? call.remoteAddress
    const nowMs = this.#options.nowMs()
    const recorded =
      this.#waiting.length < limits.REFUSALS_WAITING_MAX &&
      !this.#each.exceeds(share, nowMs) &&
      !this.#together.exceeds(togetherWith(call), nowMs)
    this.#options.events.refusalNoted(recorded)
    if (!recorded) return this.#leaveOut(share)
    this.#waiting.push(this.#recordOf(call, this.#leftOut.get(share) ?? 0))
    this.#leftOut.delete(share)
    this.#schedule()
  }

  /** Writes what waits, if the log takes it at this try. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#appending
    await this.#append()
  }

  #leaveOut(share: string): void {
    this.#leftOut.set(share, (this.#leftOut.get(share) ?? 0) + 1)
    const [oldest] = this.#leftOut.keys()
    if (this.#leftOut.size > limits.REFUSALS_COUNTED_MAX && oldest !== undefined) this.#leftOut.delete(oldest)
  }

  #schedule(): void {
    if (this.#stopped || this.#timer !== undefined || this.#waiting.length === 0) return
    this.#timer = setTimeout(() => {
      this.#appending = this.#append().finally(() => {
        this.#timer = undefined
        this.#schedule()
      })
    }, limits.REFUSALS_INTERVAL_MS)
  }

  async #append(): Promise<void> {
    const records = this.#waiting
    if (records.length === 0) return
    this.#waiting = []
    try {
      await this.#options.log.append(records, "bulk")
    } catch (cause) {
      // Those that are in the log all the same are recognised by their ids.
      this.#waiting = [...records, ...this.#waiting].slice(0, limits.REFUSALS_WAITING_MAX)
      this.#options.events.refusalsWaiting(this.#waiting.length, cause)
    }
  }

  #recordOf({ method, caller, code, entityId, requestId, remoteAddress }: RefusedCall, leftOut: number): NewRecord {
    const applicationId = caller?.applicationId ?? (caller ? this.#applicationOf(entityId) : "")
    const actor = { id: caller?.keyId ?? ANONYMOUS, requestId }
    const refusedAt = timestampFromMs(this.#options.nowMs())
    const fields = {
      id: this.#options.newId(),
      method,
      code,
      entityId,
      remoteAddress,
      applicationId,
      actor,
      refusedAt,
      leftOut: BigInt(leftOut),
    }
    return { topic: "audit", key: applicationId || actor.id, value: toBinary(AuditRecordSchema, create(AuditRecordSchema, fields)) }
  }

  /** The one that the operator's request was about. */
  #applicationOf(entityId: string): string {
    const entity = this.#options.table.entity(entityId)
    return entity === undefined ? "" : applicationIdOf(entity)
  }
}

/** Whose refusals share a bound. */
const togetherWith = ({ caller }: RefusedCall): string => (caller === undefined ? ANONYMOUS : (caller.applicationId ?? caller.keyId))
