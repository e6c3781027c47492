import { timestampMs } from "@bufbuild/protobuf/wkt"
import {
  decideAttempt,
  decideCancelled,
  decideDeferred,
  decideExpired,
  ERROR_CLASS_WORDS,
  FairLanes,
  idOf,
  isEnabled,
  isExpired,
  limits,
  permissionOf,
  REASONS,
  tryKey,
  type EntityChange,
  type LaneFeedback,
  type Overdue,
  type SubscriptionEntity,
} from "@posthorn/core"
import {
  decode,
  type GroupHandler,
  type LogGroups,
  type LogReader,
  type LogRecord,
  type LogTrimmer,
  type OwnedPartition,
} from "@posthorn/log"
import { ControlRecordSchema, DeliveryDueSchema } from "@posthorn/proto"
import { makeAttempt, type AttemptMade, type AttemptOptions } from "./attempt.ts"
import { remember } from "./control.ts"
import { newsOfEndpoint, newsRecords } from "./endpoint-health.ts"
import type { AttemptOutcome, DeliveryEvents } from "../events.ts"
import { endRecord, followUp, tierRecord } from "./follow-up.ts"
import { deferralMs, feedbackOf, rulesOf } from "./lane-rules.ts"
import type { OperationalEvents } from "./operational-events.ts"
import { classOf, Outcomes, type Job } from "./outcomes.ts"
import { Parking, parkRecord } from "./parking.ts"
import type { PartitionState } from "./partition-state.ts"
import { PartitionStates } from "./partition-states.ts"
import type { SureAppender } from "../sure-appender.ts"
import { TierSweep } from "./tier-sweep.ts"
import { keyOf } from "./tries.ts"

export interface WorkerOptions extends AttemptOptions {
  readonly log: LogReader & LogGroups & LogTrimmer
  readonly appender: SureAppender
  readonly events: DeliveryEvents
  readonly operational: OperationalEvents
  /** Attempts at the same time, at most. */
  readonly attemptsMax: number
  /** Stops a subscription whose endpoint answered 410. */
  readonly disable: (subscriptionId: string) => void
  readonly failed: (error: Error) => void
}

const SWEEP_MS = 500

/**
 * Reads `deliveries` and `deliveries.bulk`, makes the attempts, and appends what came of them: an attempt, and its retry or dead letter,
 * are acknowledged by the log before the offset counts as done. A crash can repeat an attempt and never lose one. `control` tells it what people
 * want of single tries, `parked` keeps what paused subscriptions have to wait for.
 */
export class Worker implements GroupHandler {
  readonly #options: WorkerOptions
  readonly #lanes = new FairLanes<Job>()
  readonly #states: PartitionStates
  readonly #outcomes: Outcomes
  readonly #parking: Parking
  readonly #tierSweep: TierSweep
  readonly #working = new Map<OwnedPartition, Set<Promise<void>>>()
  readonly #sweep: NodeJS.Timeout
  #inFlight = 0
  #stalledAtMs = 0
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: WorkerOptions) {
    this.#options = options
    const { log, appender, clock, events, failed, subscriptions } = options
    this.#states = new PartitionStates({ log, clock, events })
    this.#outcomes = new Outcomes(options)
    this.#parking = new Parking({
      log,
      appender,
      clock,
      events,
      failed,
      isPaused: (id) => subscriptions.isPaused(id),
      waiting: (id) => this.#lanes.waiting(id),
    })
    const onFailed = (error: unknown): void => events.upkeepFailed(error)
    this.#tierSweep = new TierSweep({ log, appender, clock, states: this.#states, find: (id) => subscriptions.get(id), onFailed })
    this.#sweep = setInterval(() => this.#deferOverdue(), SWEEP_MS)
  }

  async assigned(partition: OwnedPartition): Promise<number | undefined> {
    await this.#states.gain(partition)
    return partition.topic === "parked" ? this.#parking.assigned(partition) : undefined
  }

  records(partition: OwnedPartition, records: readonly LogRecord[]): void {
    const state = this.#states.of(partition)
    if (state === undefined) return
    if (partition.topic === "parked") return this.#parking.records(partition, records)
    for (const record of records) {
      if (partition.topic === "control") this.#control(partition, state, record)
      else this.#intake(partition, state, record)
    }
    this.#pump()
  }

  /** What is under way is waited for; what waits in lanes is left to the next owner. */
  async revoked(partition: OwnedPartition): Promise<void> {
    await Promise.all([this.#parking.revoked(partition), ...(this.#working.get(partition) ?? [])])
    this.#working.delete(partition)
    this.#states.release(partition)
  }

  failed(error: Error): void {
    this.#options.failed(error)
  }

  /** To be called with every change of the configuration: what waits for a subscription learns of it at once. */
  changed(changes: readonly EntityChange[]): void {
    let mayRelease = false
    for (const { before, after } of changes) {
      if (before?.kind !== "subscription") continue
      const now = after?.kind === "subscription" ? after.subscription : undefined
      const off = now === undefined || !(now.enabled ?? true)
      mayRelease ||= before.subscription.paused && (off || !now.paused)
      if (!off && !now.paused) continue
      const id = idOf(before)
      for (const job of this.#lanes.drain(id)) if (!job.partition.signal.aborted) this.#work(job.partition, this.#run(undefined, job))
      if (off && isEnabled(before)) this.#tierSweep.add(id)
    }
    if (mayRelease) this.#parking.changed()
  }

  /** Frees what is needed no more. */
  async keepUp(): Promise<void> {
    this.#states.forgetWishes(this.#options.clock.nowMs())
    await this.#parking.trim()
  }

  stop(): void {
    this.#stopped = true
    clearInterval(this.#sweep)
    clearTimeout(this.#timer)
  }

  #intake(partition: OwnedPartition, state: PartitionState, record: LogRecord): void {
    const due = decode(DeliveryDueSchema, record.value)
    if (due?.event === undefined || due.deliveryId === "" || due.attempt < 1) {
      this.#work(partition, this.#outcomes.bury(partition, record, "is not a due delivery"))
      return
    }
    this.#begin({ partition, offset: record.offset, due, state })
  }

  #begin(job: Job): void {
    const { partition, offset, due, state } = job
    const known = state.tries.begin(due)
    switch (known.kind) {
      case "copy":
        this.#options.events.tryRepeated()
        return partition.finish(offset)
      case "ended":
        this.#options.events.tryRepeated()
        return this.#work(partition, this.#outcomes.follow(job, known.ended))
      case "cancelled":
        return this.#work(partition, this.#outcomes.settle(job, decideCancelled(due, known.reason, this.#options.clock.nowMs())))
      case "new":
        if (this.#passesLanes(job)) this.#work(partition, this.#run(undefined, job))
        else this.#enqueue(job)
    }
  }

  /** What asks nothing of the endpoint need not wait for its turn, and what somebody asked for shall not. */
  #passesLanes({ due }: Job): boolean {
    if (permissionOf(due, this.#options.subscriptions.get(due.subscriptionId)).kind !== "send") return true
    return due.hastened && this.#inFlight < this.#options.attemptsMax
  }

  #enqueue(job: Job): void {
    const { due, partition, state } = job
    const { subscriptions, clock } = this.#options
    const standing = state.breakers.get(due.subscriptionId)?.standing
    this.#lanes.put(
      {
        laneId: due.subscriptionId,
        ownerId: due.event?.applicationId ?? "",
        laneClass: classOf(partition),
        rules: rulesOf(subscriptions.get(due.subscriptionId)),
        value: job,
        ...(standing?.state === "open" ? { closedUntilMs: standing.nextProbeAtMs } : {}),
      },
      clock.nowMs(),
    )
  }

  #control(partition: OwnedPartition, state: PartitionState, record: LogRecord): void {
    const control = decode(ControlRecordSchema, record.value)
    if (control === undefined || control.record.case === undefined)
      return this.#work(partition, this.#outcomes.bury(partition, record, "is not a control record"))
    const { record: wanted } = control
    // What breakers did is known to whoever made them do it.
    if (wanted.case === "breaker") return partition.finish(record.offset)
    remember(control, record.offset, state)
    const { offset } = record
    if (wanted.case === "cancel") {
      const { value } = wanted
      const key = keyOf(value, value.attempt)
      return this.#onceIdle(state, key, () => this.#work(partition, this.#outcomes.cancel({ partition, offset, state }, value)))
    }
    const { due } = wanted.value
    if (due?.event === undefined || due.deliveryId === "")
      return this.#work(partition, this.#outcomes.bury(partition, record, "names no try"))
    this.#onceIdle(state, tryKey(due), () => this.#begin({ partition, offset, due, state }))
  }

  /** A wish about a try that is under way has to wait: it may be put off, and is then as it was. */
  #onceIdle({ tries }: PartitionState, key: string, call: () => void): void {
    if (tries.isUnderWay(key)) tries.after(key, call)
    else call()
  }

  /** Starts whatever may start now, and comes back when something that is held may. */
  #pump(): void {
    if (this.#stopped) return
    const { clock } = this.#options
    while (this.#inFlight < this.#options.attemptsMax) {
      const next = this.#lanes.take(clock.nowMs())
      if (next === undefined) break
      this.#work(next.value.partition, this.#run(next.laneId, next.value))
    }
    clearTimeout(this.#timer)
    const nextAtMs = this.#lanes.nextAtMs()
    if (nextAtMs !== undefined) this.#timer = setTimeout(() => this.#pump(), Math.min(Math.max(1, nextAtMs - clock.nowMs()), 60_000))
  }

  /** @param laneId the lane that it was taken from; `undefined` = it passes lanes by */
  async #run(laneId: string | undefined, job: Job): Promise<void> {
    this.#inFlight++
    let feedback: LaneFeedback = { pace: "keep" }
    try {
      // The next owner makes it.
      if (this.#states.isHeld(job.partition, job.state)) feedback = await this.#carryOut(job)
    } finally {
      this.#inFlight--
      if (laneId !== undefined) this.#lanes.done(laneId, feedback, this.#options.clock.nowMs())
      this.#pump()
    }
  }

  async #carryOut(job: Job): Promise<LaneFeedback> {
    const { due, partition, offset, state } = job
    const { clock, events, subscriptions } = this.#options
    const nowMs = clock.nowMs()
    const entity = subscriptions.get(due.subscriptionId)
    const permission = permissionOf(due, entity)
    const dueInMs = (due.dueAt ? timestampMs(due.dueAt) : 0) - nowMs
    const cancelled = state.tries.cancelReason(due)
    if (state.tries.isSuperseded(due) || !state.tries.start(due)) {
      // Another record of the same try was faster.
      events.tryRepeated()
      partition.finish(offset)
    } else if (cancelled !== undefined) await this.#outcomes.settle(job, decideCancelled(due, cancelled, nowMs))
    else if (permission.kind === "cancel") await this.#outcomes.settle(job, decideCancelled(due, permission.reason, nowMs))
    else if (permission.kind === "park") await this.#outcomes.putOff(job, parkRecord(due))
    else if (dueInMs > limits.EARLY_MS_MAX) await this.#outcomes.putOff(job, tierRecord(due, dueInMs))
    else if (entity !== undefined) return this.#attempt(job, entity)
    this.#lanes.heard(due.subscriptionId, nowMs)
    return { pace: "keep" }
  }

  async #attempt(job: Job, entity: SubscriptionEntity): Promise<LaneFeedback> {
    const { due, state } = job
    const { clock, events, operational, subscriptions } = this.#options
    const startedAtMs = clock.nowMs()
    const made = await makeAttempt(due, entity, this.#options)
    const nowMs = clock.nowMs()
    this.#lanes.heard(due.subscriptionId, nowMs)
    const now = permissionOf(due, subscriptions.get(due.subscriptionId))
    const stopped = now.kind === "cancel" ? now.reason : undefined
    const finished = decideAttempt({ due, ...made, policy: entity.subscription.retryPolicy, nowMs, stopped })
    if (finished.reason === REASONS.gone) this.#options.disable(due.subscriptionId)
    const news = newsOfEndpoint(job, made, { startedAtMs, endedAtMs: nowMs })
    if (news.health) finished.health = news.health
    if (news.moved === "closed") this.#lanes.reopen(due.subscriptionId, nowMs)
    if (news.moved) events.breakerMoved({ subscriptionId: due.subscriptionId, state: news.standing.state, reason: made.attempt.error })
    const { letter, after } = followUp(due, finished, operational)
    await this.#outcomes.append(job, {
      end: [endRecord(finished), ...letter],
      follow: [...after, ...newsRecords(news, entity, operational)],
    })
    if (finished.reason !== "")
      events.deliveryEnded({ deliveryId: due.deliveryId, subscriptionId: due.subscriptionId, reason: finished.reason })
    events.attemptEnded({
      deliveryId: due.deliveryId,
      subscriptionId: due.subscriptionId,
      attempt: due.attempt,
      outcome: outcomeOf(made),
      statusCode: made.attempt.statusCode,
      durationMs: made.attempt.durationMs,
      latencyMs: due.dueAt ? Math.max(0, clock.nowMs() - timestampMs(due.dueAt)) : 0,
    })
    // As it is by now: the breaker may have closed while the log took its time.
    return feedbackOf(made, state.breakers.get(due.subscriptionId)?.standing, nowMs)
  }

  #deferOverdue(): void {
    const nowMs = this.#options.clock.nowMs()
    // While the log takes nothing, or was not doing so just now, lanes stand still for no fault of their endpoints.
    if (this.#outcomes.silentMs(nowMs) > SWEEP_MS) this.#stalledAtMs = nowMs
    if (nowMs - this.#stalledAtMs < limits.LANE_AHEAD_MS) return this.#lanes.restart(nowMs)
    const overdue = this.#lanes.takeOverdue(nowMs).filter(({ value }) => !value.partition.signal.aborted)
    if (overdue.length === 0) return
    // Spread out: as one crowd they would crowd the lane out again, and a slow endpoint would get but a few of them each time.
    overdue.forEach((each, index) => this.#work(each.value.partition, this.#defer(each, nowMs, index / overdue.length)))
    this.#options.events.triesDeferred(overdue.length)
  }

  /** @param share where between the shortest and the longest wait it comes back, from 0 to 1 */
  async #defer({ value: job, heldMs, turnMs }: Overdue<Job>, nowMs: number, share: number): Promise<void> {
    const { due, state, partition, offset } = job
    if (state.tries.isSuperseded(due)) return partition.finish(offset)
    const standing = state.breakers.get(due.subscriptionId)?.standing
    const policy = this.#options.subscriptions.get(due.subscriptionId)?.subscription.retryPolicy
    if (standing?.state === "open" && isExpired(due, policy, nowMs) && state.tries.start(due))
      return this.#outcomes.settle(job, decideExpired(due, nowMs))
    const wait = deferralMs({ due, heldMs, turnMs, standing, nowMs, share })
    await this.#outcomes.putOff(job, tierRecord(decideDeferred(due, nowMs + wait), wait))
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

const outcomeOf = ({ verdict }: AttemptMade): AttemptOutcome =>
  verdict.outcome === "delivered" ? "delivered" : ERROR_CLASS_WORDS[verdict.errorClass] || "internal"
