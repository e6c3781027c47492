import { assert } from "../assert.ts"
import * as limits from "../limits.ts"

export type LaneClass = "live" | "bulk"

/** What a lane may do, as its subscription says. */
export interface LaneRules {
  /** Items at the same time, at most. */
  readonly concurrencyMax: number
  /** Milliseconds between two starts; 0 = no limit. */
  readonly intervalMs: number
  /** How many may start at once after a rest, at least 1. Only with `intervalMs`. */
  readonly burst: number
  /** An item that has waited this long is overdue. */
  readonly ageMsMax: number
}

export interface LaneEntry<T> {
  readonly laneId: string
  /** Whose turn it is when this lane's is: lanes of one owner share its turns. */
  readonly ownerId: string
  readonly laneClass: LaneClass
  readonly rules: LaneRules
  readonly value: T
  /** Nothing of the lane starts before, and then one at a time until something succeeds; unix milliseconds. */
  readonly closedUntilMs?: number
}

/** How the work on an item went, for the lane's concurrency. */
export interface LaneFeedback {
  /** `probe`: one at a time from now on, until something succeeds. */
  readonly pace: "grow" | "shrink" | "keep" | "probe"
  /** Nothing of the lane starts before, unix milliseconds. */
  readonly notBeforeMs?: number | undefined
}

/** What a lane will not come to soon. */
export interface Overdue<T> {
  readonly value: T
  /** For how long nothing of the lane may start, from now; 0 = something may. */
  readonly heldMs: number
  /** When it would come to it after that, at its present pace; `undefined` = it has none. */
  readonly turnMs: number | undefined
}

interface Waiting<T> {
  readonly value: T
  readonly queuedAtMs: number
}

interface Lane<T> {
  readonly id: string
  readonly ownerId: string
  rules: LaneRules
  readonly waiting: Record<LaneClass, Waiting<T>[]>
  active: number
  /** Moves between 1 and `rules.concurrencyMax`. */
  limit: number
  /** When its endpoint was last heard of, or was first asked something after a rest. */
  heardAtMs: number
  /** Answers since the last sweep. */
  answers: number
  /** What its endpoint asked for, or its breaker. */
  notBeforeMs: number
  /** When the next start is due at an even pace: with a rate limit, nothing starts sooner than `burst - 1` intervals before. */
  paceMs: number
}

/** Owners in turn, and each owner's lanes in turn. Sets keep the order of entry and know what is in them. */
type Rotation<T> = Map<string, Set<Lane<T>>>

/** Every tenth turn belongs to the lower class, if it has work. */
const BULK_TURN = 10
/** Age of the oldest item from which a crowd is looked at: before, a lane has had no time to show its pace. */
const CROWD_AGE_MS = 1000
/** The lower class may be crowded for longer: what waits behind it there has time as well. */
const PATIENCE: Readonly<Record<LaneClass, number>> = { live: 1, bulk: 5 }
/** Longest that a lane which answers is put off by the pace that was measured. */
const MEASURED_TURN_MS_MAX = 10_000
/** By how much a start may be late without the next one being later: timers are. */
const CATCH_UP_MS = 100
/** Lanes in memory before idle ones are forgotten with what they learned of their endpoint: more than all windows together can fill. */
const LANES_MAX = 50_000

/**
 * One queue per subscription, with its own concurrency, and fair turns between the owners of queues: a queue that is slow holds up
 * nothing but itself. Concurrency starts at `LANE_CONCURRENCY_DEFAULT`, grows by one with a success and halves with a failure of the
 * endpoint as a whole. While an endpoint that was asked says nothing, the lane starts ever less: half as much with every
 * `LANE_SILENCE_MS`, because what hangs is known to fail only when it times out. Pure: time is an argument.
 */
export class FairLanes<T> {
  readonly #lanes = new Map<string, Lane<T>>()
  readonly #ready: Record<LaneClass, Rotation<T>> = { live: new Map(), bulk: new Map() }
  /** Lanes with work that may not start before a time. */
  readonly #held = new Set<Lane<T>>()
  #heldUntilMs = Number.POSITIVE_INFINITY
  #turn = 0
  #sweptAtMs = Number.NEGATIVE_INFINITY

  put({ laneId, ownerId, laneClass, rules, value, closedUntilMs }: LaneEntry<T>, nowMs: number): void {
    let lane = this.#lanes.get(laneId)
    if (lane === undefined) {
      const limit = Math.min(limits.LANE_CONCURRENCY_DEFAULT, rules.concurrencyMax)
      lane = {
        id: laneId,
        ownerId,
        rules,
        waiting: { live: [], bulk: [] },
        active: 0,
        limit,
        heardAtMs: nowMs,
        answers: 0,
        notBeforeMs: 0,
        paceMs: 0,
      }
      this.#lanes.set(laneId, lane)
    }
    lane.rules = rules
    lane.limit = closedUntilMs === undefined ? Math.min(lane.limit, rules.concurrencyMax) : 1
    lane.notBeforeMs = Math.max(lane.notBeforeMs, closedUntilMs ?? 0)
    lane.waiting[laneClass].push({ value, queuedAtMs: nowMs })
    this.#enter(lane, nowMs)
  }

  /** The next item whose turn it is; it counts as active until `done`. */
  take(nowMs: number): { readonly laneId: string; readonly value: T } | undefined {
    this.#release(nowMs)
    const bulkFirst = this.#turn % BULK_TURN === BULK_TURN - 1
    for (const laneClass of bulkFirst ? (["bulk", "live"] as const) : (["live", "bulk"] as const)) {
      const lane = this.#takeLane(laneClass, nowMs)
      const next = lane?.waiting[laneClass].shift()
      if (lane === undefined || next === undefined) continue
      this.#turn++
      if (lane.active++ === 0) lane.heardAtMs = nowMs
      if (lane.rules.intervalMs > 0) {
        // What was late though it waited makes the next one no later, so that the pace is kept; a lane that had nothing to do saves nothing up.
        const lateMs = next.queuedAtMs <= lane.paceMs ? CATCH_UP_MS : 0
        lane.paceMs = Math.max(lane.paceMs, lane.notBeforeMs, nowMs - lateMs) + lane.rules.intervalMs
      }
      this.#enter(lane, nowMs)
      return { laneId: lane.id, value: next.value }
    }
    return undefined
  }

  /** The endpoint of an active item has answered, or needs not be asked; what is made of it may take longer. */
  heard(laneId: string, nowMs: number): void {
    const lane = this.#lanes.get(laneId)
    if (lane === undefined) return
    lane.heardAtMs = nowMs
    lane.answers++
  }

  done(laneId: string, feedback: LaneFeedback, nowMs: number): void {
    const lane = this.#lanes.get(laneId)
    assert(lane !== undefined && lane.active > 0, "what is done was taken")
    lane.active--
    lane.heardAtMs = nowMs
    if (feedback.pace === "grow") lane.limit = Math.min(lane.limit + 1, lane.rules.concurrencyMax)
    if (feedback.pace === "shrink") lane.limit = Math.max(1, lane.limit >> 1)
    if (feedback.pace === "probe") lane.limit = 1
    lane.notBeforeMs = Math.max(lane.notBeforeMs, feedback.notBeforeMs ?? 0)
    this.#enter(lane, nowMs)
    if (this.#lanes.size > LANES_MAX) this.#forgetIdle()
  }

  /** The endpoint works, as something has shown that passed its lane by: what was asked for before holds the lane back no longer. */
  reopen(laneId: string, nowMs: number): void {
    const lane = this.#lanes.get(laneId)
    if (lane === undefined) return
    lane.notBeforeMs = Math.min(lane.notBeforeMs, nowMs)
    this.#held.delete(lane)
    this.#enter(lane, nowMs)
  }

  /** When a lane that is held back may go on. */
  nextAtMs(): number | undefined {
    return this.#held.size === 0 ? undefined : this.#heldUntilMs
  }

  /** Items of a lane that wait. */
  waiting(laneId: string): number {
    const lane = this.#lanes.get(laneId)
    return lane === undefined ? 0 : lane.waiting.live.length + lane.waiting.bulk.length
  }

  /** Takes out all that waits in a lane, oldest first. */
  drain(laneId: string): T[] {
    const { live = [], bulk = [] } = this.#lanes.get(laneId)?.waiting ?? {}
    return [...live.splice(0), ...bulk.splice(0)].map(({ value }) => value)
  }

  /**
   * Takes out what lanes cannot get done soon, so that it holds up nobody behind it: what is older than its rules allow, all but one item of
   * a lane that may not start anything for over `LANE_AHEAD_MS`, and where more than `LANE_RECORDS_MAX` live items of a lane wait, the oldest for
   * over a second, all of them beyond what it gets done in `LANE_AHEAD_MS` at its pace: as limited, or as it was since the last call. The lower
   * class has five times as much time. A lane whose endpoint answers nothing gets nothing done. To be called at an even pace.
   */
  takeOverdue(nowMs: number): Overdue<T>[] {
    const elapsedMs = Math.max(1, nowMs - this.#sweptAtMs)
    this.#sweptAtMs = nowMs
    const taken: Overdue<T>[] = []
    for (const lane of this.#lanes.values()) {
      const measured = lane.answers / elapsedMs
      lane.answers = 0
      if (lane.waiting.live.length + lane.waiting.bulk.length > 0) taken.push(...overdue(lane, measured, nowMs))
    }
    return taken
  }

  /** Nobody got anything done for reasons of ours: what lanes did since the last call says nothing of their endpoints. */
  restart(nowMs: number): void {
    this.#sweptAtMs = nowMs
    for (const lane of this.#lanes.values()) {
      lane.answers = 0
      lane.heardAtMs = nowMs
    }
  }

  #enter(lane: Lane<T>, nowMs: number): void {
    if (!mayStart(lane, nowMs)) return
    for (const laneClass of ["live", "bulk"] as const) {
      if (lane.waiting[laneClass].length === 0) continue
      if (this.#hold(lane, nowMs)) return
      const rotation = this.#ready[laneClass]
      const lanes = rotation.get(lane.ownerId)
      if (lanes) lanes.add(lane)
      else rotation.set(lane.ownerId, new Set([lane]))
    }
  }

  /** Keeps a lane back whose time has not come, until it has. */
  #hold(lane: Lane<T>, nowMs: number): boolean {
    const fromMs = startsFrom(lane)
    if (fromMs <= nowMs) return false
    this.#held.add(lane)
    this.#heldUntilMs = Math.min(this.#heldUntilMs, fromMs)
    return true
  }

  #release(nowMs: number): void {
    if (nowMs < this.#heldUntilMs) return
    const held = [...this.#held]
    this.#held.clear()
    this.#heldUntilMs = Number.POSITIVE_INFINITY
    for (const lane of held) this.#enter(lane, nowMs)
  }

  /** The lane whose turn it is. What entered and cannot start any more is passed over; it enters again when something of it is done. */
  #takeLane(laneClass: LaneClass, nowMs: number): Lane<T> | undefined {
    const rotation = this.#ready[laneClass]
    for (const [ownerId, lanes] of rotation) {
      // Out and in again: the owner's next turn comes after everybody else's.
      rotation.delete(ownerId)
      for (const lane of lanes) {
        lanes.delete(lane)
        if (!mayStart(lane, nowMs) || lane.waiting[laneClass].length === 0) continue
        if (this.#hold(lane, nowMs)) continue
        if (lanes.size > 0) rotation.set(ownerId, lanes)
        return lane
      }
    }
    return undefined
  }

  #forgetIdle(): void {
    for (const lane of this.#lanes.values()) {
      if (this.#lanes.size <= LANES_MAX) return
      if (lane.active === 0 && lane.waiting.live.length + lane.waiting.bulk.length === 0) this.#lanes.delete(lane.id)
    }
  }
}

/** When the lane may start something, as far as times go. */
function startsFrom({ notBeforeMs, paceMs, rules }: Lane<unknown>): number {
  return rules.intervalMs > 0 ? Math.max(notBeforeMs, paceMs - (rules.burst - 1) * rules.intervalMs) : notBeforeMs
}

/** A lane that may not has something active, so it enters again when that is done. */
function mayStart({ active, limit, heardAtMs }: Lane<unknown>, nowMs: number): boolean {
  const halvings = Math.min(31, Math.floor(Math.max(0, nowMs - heardAtMs) / limits.LANE_SILENCE_MS))
  return active === 0 || active < limit >> halvings
}

/** Removes and answers what the lane will not come to: the aged, the latest of a crowd, and what stands before a closed door. */
function overdue<T>(lane: Lane<T>, measured: number, nowMs: number): Overdue<T>[] {
  const { intervalMs, ageMsMax } = lane.rules
  const heldMs = Math.max(0, lane.notBeforeMs - nowMs)
  const closed = heldMs > limits.LANE_AHEAD_MS
  const limited = intervalMs > 0 ? 1 / intervalMs : Number.POSITIVE_INFINITY
  const pace = Math.min(measured > 0 || intervalMs === 0 ? measured : limited, limited)
  // A limit is known exactly; a pace that was measured may be another one soon.
  const turnMsMax = pace === limited ? Number.POSITIVE_INFINITY : MEASURED_TURN_MS_MAX
  const taken: Overdue<T>[] = []
  let before = 0
  for (const laneClass of ["live", "bulk"] as const) {
    const waiting = lane.waiting[laneClass]
    const patience = PATIENCE[laneClass]
    const oldestMs = waiting[0] === undefined ? 0 : nowMs - waiting[0].queuedAtMs
    const crowded = waiting.length > limits.LANE_RECORDS_MAX && oldestMs > CROWD_AGE_MS * patience
    if (crowded || closed || oldestMs > ageMsMax) {
      const kept = closed ? Math.max(0, 1 - before) : crowded ? Math.floor(pace * limits.LANE_AHEAD_MS * patience) : waiting.length
      const staying = waiting.filter(({ value, queuedAtMs }, place) => {
        const stays = nowMs - queuedAtMs <= ageMsMax && place < kept
        if (!stays) taken.push({ value, heldMs, turnMs: pace > 0 ? Math.min((before + place) / pace, turnMsMax) : undefined })
        return stays
      })
      waiting.splice(0, waiting.length, ...staying)
    }
    before += waiting.length
  }
  return taken
}
