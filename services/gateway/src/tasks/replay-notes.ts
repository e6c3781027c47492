import { randomUUID } from "node:crypto"
import { create } from "@bufbuild/protobuf"
import { decideAdvanceTask, isRefusal, limits } from "@posthorn/core"
import { ReplayProgressSchema, type ReplayCursor, type ReplayProgress, type Task } from "@posthorn/proto"
import type { BegunBefore } from "./begun-before.ts"
import { Left } from "./left.ts"
import type { TaskContext } from "./task-context.ts"

export interface Beginning {
  readonly cursors: readonly ReplayCursor[]
  readonly bulkEnds: readonly bigint[]
  /** Deliveries begun before `bulkEnds`. */
  readonly begun: number
  /** What whoever worked at it before had begun since. */
  readonly before: BegunBefore
}

/** How often a note that another change of the task got in before is tried again. */
const NOTE_TRIES = 5

/**
 * How far a replay is, noted in `config` from time to time. What a note says is done stays done; what was begun since is found in `deliveries.bulk`
 * by whoever goes on.
 */
export class ReplayNotes {
  readonly left: Left
  readonly #context: TaskContext
  readonly #taskId: string
  readonly #holder = randomUUID()
  readonly #before: BegunBefore
  readonly #startedMs: number
  #cursors: ReplayCursor[]
  #bulkEnds: readonly bigint[]
  #begunUntil: number
  #begunSince: number
  #done: number
  #notedMs: number

  constructor(context: TaskContext, { id, done, left }: Task, { cursors, bulkEnds, begun, before }: Beginning) {
    this.#context = context
    this.#taskId = id
    this.#done = Number(done)
    this.left = new Left(left)
    this.#cursors = [...cursors]
    this.#bulkEnds = bulkEnds
    this.#begunUntil = begun
    this.#begunSince = before.total
    this.#before = before
    this.#startedMs = this.#notedMs = context.nowMs()
  }

  /** The stretch that has waited longest; `undefined` = all is read. */
  get next(): ReplayCursor | undefined {
    return this.#cursors[0]
  }

  get counts() {
    return { done: this.#done, begun: this.#begunUntil + this.#begunSince, left: this.left.list() }
  }

  begun(count: number): void {
    this.#begunSince += count
    this.#context.events.taskReplayed(this.#taskId, count)
  }

  /** The first stretch is done up to an offset: the others come before what is left of it. */
  passed(next: bigint, events: number): void {
    const [cursor, ...others] = this.#cursors
    this.#done += events
    this.#cursors = cursor === undefined || next >= cursor.end ? others : [...others, { ...cursor, next }]
  }

  /** Says who works at the task from now on. False: it has ended, or rests. */
  async takeOver(): Promise<boolean> {
    return this.#note(true)
  }

  /** Notes where the task is, when it is time for that and everything before the cursors is done. False: somebody else works at it. */
  async noteInTime(): Promise<boolean> {
    const nowMs = this.#context.nowMs()
    const every = Math.max(limits.REPLAY_NOTE_MS, Math.min(limits.REPLAY_NOTE_MS_MAX, (nowMs - this.#startedMs) / 20))
    const isFull = this.#begunSince >= limits.REPLAY_NOTE_DELIVERIES && this.#before.size === 0
    if (!isFull && nowMs - this.#notedMs < every) return true
    this.#notedMs = nowMs
    // What an owner before had begun behind the cursors is not passed yet: it has to be found again.
    if (this.#before.size === 0) {
      this.#bulkEnds = await bulkEndsOf(this.#context)
      this.#begunUntil += this.#begunSince
      this.#begunSince = 0
    }
    return this.#note(false)
  }

  /** Notes what the task has come to, wherever it is, for whoever looks at it while it rests. */
  async noteCounts(): Promise<void> {
    await this.#note(false)
  }

  async #note(takesOver: boolean): Promise<boolean> {
    const { config, nowMs } = this.#context
    const taskId = this.#taskId
    for (let tries = 0; tries < NOTE_TRIES; tries++) {
      const change = { changeId: randomUUID(), nowMs: nowMs(), actor: { id: taskId, requestId: "" } }
      const noted = decideAdvanceTask(config.table, { taskId, replay: this.#progress(), takesOver, ...this.counts }, change)
      if (isRefusal(noted)) return false
      if (await config.propose(noted)) return true
    }
    return false
  }

  #progress(): ReplayProgress {
    const [holder, cursors, bulkEnds] = [this.#holder, this.#cursors, [...this.#bulkEnds]]
    return create(ReplayProgressSchema, { holder, cursors, bulkEnds, begun: BigInt(this.#begunUntil) })
  }
}

/** Where `deliveries.bulk` ends by now, by partition number. */
export async function bulkEndsOf({ log }: Pick<TaskContext, "log">): Promise<bigint[]> {
  return (await log.ends("deliveries.bulk")).map(({ high }) => BigInt(high))
}
