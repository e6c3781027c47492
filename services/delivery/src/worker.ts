import { create, toBinary } from "@bufbuild/protobuf"
import { timestampMs } from "@bufbuild/protobuf/wkt"
import {
  decideAttempt,
  decideCancelled,
  decideDeferred,
  ERROR_CLASS_WORDS,
  FairLanes,
  followOf,
  limits,
  REASONS,
  tierFor,
  type LaneFeedback,
  type LaneRules,
  type SubscriptionEntity,
} from "@posthorn/core"
import { decode, poisonLetter, type GroupHandler, type LogReader, type LogRecord, type NewRecord, type OwnedPartition } from "@posthorn/log"
import {
  AttemptRecordSchema,
  DeadLetterRecordSchema,
  DeliveryDueSchema,
  ErrorClass,
  type AttemptFinished,
  type DeliveryDue,
} from "@posthorn/proto"
import { makeAttempt, type AttemptMade, type AttemptOptions } from "./attempt.ts"
import type { AttemptOutcome, DeliveryEvents } from "./events.ts"
import type { SureAppender } from "./sure-appender.ts"
import { isEnabled } from "./subscription-table.ts"
import { readTries, type Tries } from "./tries.ts"

export interface WorkerOptions extends AttemptOptions {
  readonly log: LogReader
  readonly appender: SureAppender
  readonly events: DeliveryEvents
  /** Stops a subscription whose endpoint answered 410. */
  readonly disable: (subscriptionId: string) => void
  readonly failed: (error: Error) => void
}

interface Job {
  readonly partition: OwnedPartition
  readonly offset: number
  readonly due: DeliveryDue
  readonly tries: Tries
}

const SWEEP_MS = 500
/** Longest a try is put off at once because its lane cannot keep up. */
const DEFER_MS_MAX = 5 * 60_000

/**
 * Reads `deliveries` and `deliveries.bulk`, makes the attempts, and appends what came of them: an attempt, and its retry or dead letter,
 * are acknowledged by the log before the offset counts as done. A crash can repeat an attempt and never lose one.
 */
export class Worker implements GroupHandler {
  readonly #options: WorkerOptions
  readonly #lanes = new FairLanes<Job>()
  readonly #tries = new Map<OwnedPartition, Tries>()
  readonly #working = new Map<OwnedPartition, Set<Promise<void>>>()
  readonly #sweep: NodeJS.Timeout
  #inFlight = 0
  /** Appends under way, and when the last of them was acknowledged or the first of them began. */
  #appending = 0
  #acknowledgedAtMs = 0
  #stalledAtMs = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: WorkerOptions) {
    this.#options = options
    this.#sweep = setInterval(() => this.#deferOverdue(), SWEEP_MS)
  }

  async assigned(partition: OwnedPartition, committed: number): Promise<undefined> {
    const tries = await readTries({ log: this.#options.log, partition, committed, nowMs: this.#options.clock.nowMs() })
    this.#tries.set(partition, tries)
    this.#options.events.takenOver(partition, tries.known)
  }

  records(partition: OwnedPartition, records: readonly LogRecord[]): void {
    for (const record of records) this.#intake(partition, record)
    this.#pump()
  }

  /** What is under way is waited for; what waits in lanes is left to the next owner. */
  async revoked(partition: OwnedPartition): Promise<void> {
    await Promise.all(this.#working.get(partition) ?? new Set<Promise<void>>())
    this.#working.delete(partition)
    this.#tries.delete(partition)
  }

  failed(error: Error): void {
    this.#options.failed(error)
  }

  stop(): void {
    clearInterval(this.#sweep)
    clearTimeout(this.#timer)
  }

  #intake(partition: OwnedPartition, record: LogRecord): void {
    const due = decode(DeliveryDueSchema, record.value)
    const tries = this.#tries.get(partition)
    if (tries === undefined) return
    if (due?.event === undefined || due.deliveryId === "" || due.attempt < 1) {
      this.#work(partition, this.#bury(partition, record))
      return
    }
    const job = { partition, offset: record.offset, due, tries }
    const known = tries.begin(due)
    if (known.kind === "copy") {
      this.#options.events.tryRepeated()
      partition.finish(record.offset)
    } else if (known.kind === "finished") {
      this.#options.events.tryRepeated()
      this.#work(partition, this.#follow(job, known.finished))
    } else {
      const laneClass = partition.topic === "deliveries.bulk" ? "bulk" : "live"
      const rules = rulesOf(this.#options.subscriptions.get(due.subscriptionId))
      const lane = { laneId: due.subscriptionId, ownerId: due.event.applicationId, laneClass, rules, value: job } as const
      this.#lanes.put(lane, this.#options.clock.nowMs())
    }
  }

  /** Starts whatever may start now, and comes back when something that is held may. */
  #pump(): void {
    const { clock } = this.#options
    while (this.#inFlight < limits.ATTEMPTS_IN_FLIGHT_MAX) {
      const next = this.#lanes.take(clock.nowMs())
      if (next === undefined) break
      this.#inFlight++
      this.#work(next.value.partition, this.#run(next.laneId, next.value))
    }
    clearTimeout(this.#timer)
    const nextAtMs = this.#lanes.nextAtMs()
    if (nextAtMs !== undefined) this.#timer = setTimeout(() => this.#pump(), Math.min(Math.max(1, nextAtMs - clock.nowMs()), 60_000))
  }

  async #run(laneId: string, job: Job): Promise<void> {
    let feedback: LaneFeedback = { pace: "keep" }
    try {
      // The next owner makes it.
      if (job.partition.signal.aborted) return
      const entity = this.#options.subscriptions.get(job.due.subscriptionId)
      if (entity === undefined || !isEnabled(entity)) await this.#cancel(job, entity ? REASONS.disabled : REASONS.deleted)
      else feedback = await this.#attempt(job, entity)
    } finally {
      this.#inFlight--
      this.#lanes.done(laneId, feedback, this.#options.clock.nowMs())
      this.#pump()
    }
  }

  async #attempt(job: Job, entity: SubscriptionEntity): Promise<LaneFeedback> {
    const { due } = job
    const { clock, events } = this.#options
    const made = await makeAttempt(due, entity, this.#options)
    this.#lanes.heard(due.subscriptionId, clock.nowMs())
    const finished = decideAttempt({ due, ...made, policy: entity.subscription.retryPolicy, nowMs: clock.nowMs() })
    if (finished.reason === REASONS.gone) this.#options.disable(due.subscriptionId)
    const record = create(AttemptRecordSchema, { record: { case: "finished", value: finished } })
    await this.#append(job, [
      { topic: "attempts", key: due.subscriptionId, value: toBinary(AttemptRecordSchema, record) },
      ...followRecords(due, finished),
    ])
    if (finished.reason !== "") events.deadLetterWritten(finished.reason)
    events.attemptEnded({
      deliveryId: due.deliveryId,
      subscriptionId: due.subscriptionId,
      attempt: due.attempt,
      outcome: outcomeOf(made),
      statusCode: made.attempt.statusCode,
      durationMs: made.attempt.durationMs,
      latencyMs: due.dueAt ? Math.max(0, clock.nowMs() - timestampMs(due.dueAt)) : 0,
    })
    return feedbackOf(made, clock.nowMs())
  }

  async #cancel(job: Job, reason: string): Promise<void> {
    const { due } = job
    const nowMs = this.#options.clock.nowMs()
    this.#lanes.heard(due.subscriptionId, nowMs)
    const settled = decideCancelled(due, reason, nowMs)
    const record = create(AttemptRecordSchema, { record: { case: "settled", value: settled } })
    await this.#append(job, [{ topic: "attempts", key: due.subscriptionId, value: toBinary(AttemptRecordSchema, record) }])
    this.#options.events.deliveryCancelled({ deliveryId: due.deliveryId, subscriptionId: due.subscriptionId, reason })
  }

  /** An owner before has made this try: only what follows may be missing, and twice is recognised. */
  async #follow(job: Job, finished: AttemptFinished | undefined): Promise<void> {
    await this.#append(job, finished ? followRecords(job.due, finished) : [])
  }

  /** Appends what a try came to, then counts it as done. */
  async #append({ partition, offset, due, tries }: Job, records: readonly NewRecord[]): Promise<void> {
    if (records.length > 0) await this.#appended(this.#options.appender.append(records, partition.signal))
    tries.end(due)
    partition.finish(offset)
  }

  async #appended(append: Promise<void>): Promise<void> {
    const { clock } = this.#options
    if (this.#appending++ === 0) this.#acknowledgedAtMs = clock.nowMs()
    try {
      await append
      this.#acknowledgedAtMs = clock.nowMs()
    } finally {
      this.#appending--
    }
  }

  async #bury(partition: OwnedPartition, record: LogRecord): Promise<void> {
    await this.#options.appender.append([poisonLetter(record, "is not a due delivery", this.#options.clock.nowMs())], partition.signal)
    this.#options.events.poisonFound(record)
    partition.finish(record.offset)
  }

  #deferOverdue(): void {
    const nowMs = this.#options.clock.nowMs()
    // While the log takes nothing, or was not doing so just now, lanes stand still for no fault of their endpoints.
    if (this.#appending > 0 && nowMs - this.#acknowledgedAtMs > SWEEP_MS) this.#stalledAtMs = nowMs
    if (nowMs - this.#stalledAtMs < limits.LANE_AHEAD_MS) return this.#lanes.restart(nowMs)
    const jobs = this.#lanes.takeOverdue(nowMs).filter(({ partition }) => !partition.signal.aborted)
    if (jobs.length === 0) return
    // Spread out: as one crowd they would crowd the lane out again, and a slow endpoint would get but a few of them each time.
    jobs.forEach((job, index) => this.#work(job.partition, this.#defer(job, nowMs, index / jobs.length)))
    this.#options.events.triesDeferred(jobs.length)
  }

  /** @param share where between the shortest and the longest wait it comes back, from 0 to 1 */
  async #defer({ partition, offset, due, tries }: Job, nowMs: number, share: number): Promise<void> {
    const longestMs = Math.min(limits.DEFER_MS * 2 ** Math.min(due.deferrals, 10), DEFER_MS_MAX)
    const waitMs = limits.DEFER_MS + Math.round(share * (longestMs - limits.DEFER_MS))
    const later = decideDeferred(due, nowMs + waitMs)
    // Before the append: the copy may come back sooner than the acknowledgement.
    tries.putOff(due)
    const value = toBinary(DeliveryDueSchema, later)
    await this.#options.appender.append([{ topic: tierFor(waitMs), key: due.subscriptionId, value }], partition.signal)
    partition.finish(offset)
  }

  /** Keeps work in sight until it ends, for whoever gives the partition up. */
  #work(partition: OwnedPartition, work: Promise<void>): void {
    let working = this.#working.get(partition)
    if (working === undefined) this.#working.set(partition, (working = new Set()))
    const kept = work
      .catch((error: unknown) => void (partition.signal.aborted || this.failed(error as Error)))
      .finally(() => working.delete(kept))
    working.add(kept)
  }
}

function followRecords(due: DeliveryDue, finished: AttemptFinished): NewRecord[] {
  const follow = followOf(due, finished)
  if (follow === undefined) return []
  const key = due.subscriptionId
  if (follow.kind === "dead") return [{ topic: "dead-letters", key, value: toBinary(DeadLetterRecordSchema, follow.letter) }]
  const { attempt } = finished
  const waitMs = follow.due.dueAt && attempt?.finishedAt ? timestampMs(follow.due.dueAt) - timestampMs(attempt.finishedAt) : 0
  return [{ topic: tierFor(waitMs), key, value: toBinary(DeliveryDueSchema, follow.due) }]
}

function rulesOf(entity: SubscriptionEntity | undefined): LaneRules {
  const { concurrency = 0, rateLimit } = entity?.subscription ?? {}
  return {
    concurrencyMax: concurrency || limits.LANE_CONCURRENCY_MAX,
    intervalMs: rateLimit ? (rateLimit.periodSeconds * 1000) / rateLimit.count : 0,
  }
}

const outcomeOf = ({ verdict }: AttemptMade): AttemptOutcome =>
  verdict.outcome === "delivered" ? "delivered" : ERROR_CLASS_WORDS[verdict.errorClass] || "internal"

/** How long a lane rests when its endpoint asks for less without saying for how long. */
const THROTTLE_MS = 1000

function feedbackOf({ verdict }: AttemptMade, nowMs: number): LaneFeedback {
  if (verdict.outcome === "delivered") return { pace: "grow" }
  if (verdict.demand === "throttle")
    return { pace: "shrink", notBeforeMs: nowMs + Math.min(verdict.retryAfterMs ?? THROTTLE_MS, limits.RETRY_AFTER_MS_MAX) }
  return { pace: verdict.errorClass === ErrorClass.STATUS ? "keep" : "shrink" }
}
