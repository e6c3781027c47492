import { Worker } from "node:worker_threads"
import { limits } from "@posthorn/core"
import { type AnswerBatch, packQuestions, type Question, type Violations } from "./question-batch.ts"

/**
 * What came of a question. Without an answer: `overrun`, it took too long; `resting`, the application had one that did, or has too many that
 * wait; `unavailable`, the thread does not start.
 */
export type Outcome = { readonly violations: Violations } | "overrun" | "resting" | "unavailable"

interface Waiting {
  readonly applicationId: string
  readonly question: Question
  readonly resolve: (outcome: Outcome) => void
}

export interface SchemaCheckerOptions {
  readonly nowMs: () => number
  /** Default `SCHEMA_CHECK_MS`. */
  readonly checkMs?: number
  /** The thread ended although nobody ended it, or did not start. */
  readonly onThreadFault: (cause: unknown) => void
}

/**
 * Compiles schemas and checks payloads in a thread of its own, with a deadline for each. What is asked while the thread is at work goes to it together.
 * Applications take turns, and one whose question overran rests for a while, so that nobody waits long for what others make expensive. The
 * thread starts with the first question.
 */
export class SchemaChecker {
  readonly #options: SchemaCheckerOptions
  /** By application, the one whose turn it is first. */
  readonly #queues = new Map<string, Waiting[]>()
  /** Until when an application rests. */
  readonly #resting = new Map<string, number>()
  #waiting = 0
  #running = false
  #stopped = false
  #worker: Worker | undefined
  /** The number of the question in its batch that the thread is at: shared with it. */
  readonly #at = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))

  constructor(options: SchemaCheckerOptions) {
    this.#options = options
  }

  ask(applicationId: string, question: Question): Promise<Outcome> {
    const queue = this.#queues.get(applicationId) ?? []
    const full = queue.length >= limits.SCHEMA_CHECKS_WAITING_MAX || this.#waiting >= limits.SCHEMA_CHECKS_WAITING_ALL_MAX
    if (full || this.#rests(applicationId)) return Promise.resolve("resting")
    this.#queues.set(applicationId, queue)
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    queue.push({ applicationId, question, resolve })
    this.#waiting++
    if (!this.#running) void this.#runAll()
    return promise
  }

  /** What still waits is answered as unavailable. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const queue of this.#queues.values()) for (const { resolve } of queue.splice(0)) resolve("unavailable")
    this.#queues.clear()
    await this.#end()
  }

  async #runAll(): Promise<void> {
    this.#running = true
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) await this.#put(batch)
    this.#running = false
  }

  /** Questions in turn, within bounds; one at least when there is any. */
  #take(): readonly Waiting[] {
    const batch: Waiting[] = []
    let bytes = 0
    while (batch.length < limits.SCHEMA_BATCH_MAX && bytes < limits.SCHEMA_BATCH_BYTES_MAX) {
      const next = this.#next()
      if (next === undefined) break
      if (this.#rests(next.applicationId)) {
        next.resolve("resting")
        continue
      }
      batch.push(next)
      bytes += (next.question.kind === "payload" ? next.question.payload : next.question.schema).length
    }
    return batch
  }

  /** Of the application whose turn it is, which then goes to the end of the line. */
  #next(): Waiting | undefined {
    const [first] = this.#queues
    if (first === undefined) return undefined
    const [applicationId, queue] = first
    const next = queue.shift()
    this.#queues.delete(applicationId)
    if (queue.length > 0) this.#queues.set(applicationId, queue)
    this.#waiting--
    return next
  }

  async #put(batch: readonly Waiting[]): Promise<void> {
    const worker = this.#stopped ? undefined : (this.#worker ??= await this.#start())
    if (worker === undefined) {
      for (const { resolve } of batch) resolve("unavailable")
      return
    }
    const packed = packQuestions(batch.map(({ question }) => question))
    // Whatever ends a thread before it comes to a question, somebody is to blame: otherwise all would be asked again for ever.
    Atomics.store(this.#at, 0, 0)
    worker.postMessage(packed, [packed.bytes.buffer])
    const checkMs = this.#options.checkMs ?? limits.SCHEMA_CHECK_MS
    const answers = await answerOf(worker, checkMs + limits.SCHEMA_BATCH_MS)
    if (answers === undefined) return this.#overrun(batch)
    for (const [at, { resolve }] of batch.slice(0, answers.done).entries()) resolve({ violations: answers.violations.get(at) ?? [] })
    this.#putBack(batch.slice(answers.done))
  }

  /** One question is to blame; the others are asked again. */
  async #overrun(batch: readonly Waiting[]): Promise<void> {
    const blamed = batch[Atomics.load(this.#at, 0)]
    await this.#end()
    if (blamed !== undefined) {
      this.#rest(blamed.applicationId)
      blamed.resolve("overrun")
    }
    this.#putBack(batch.filter((each) => each !== blamed))
  }

  /** To the front of the line, in the order in which they were taken. */
  #putBack(batch: readonly Waiting[]): void {
    if (batch.length === 0) return
    const queues = new Map(this.#queues)
    this.#queues.clear()
    for (const [applicationId, again] of Map.groupBy(batch, (each) => each.applicationId)) {
      this.#queues.set(applicationId, [...again, ...(queues.get(applicationId) ?? [])])
      queues.delete(applicationId)
    }
    for (const [applicationId, queue] of queues) this.#queues.set(applicationId, queue)
    this.#waiting += batch.length
  }

  async #start(): Promise<Worker | undefined> {
    // Beside this file, with the same ending: `.ts` in the sources, `.js` when built.
    const worker = new Worker(new URL(import.meta.url.replace("schema-checker", "schema-thread")), {
      env: {},
      workerData: this.#at,
      resourceLimits: { maxOldGenerationSizeMb: limits.SCHEMA_THREAD_MIB_MAX },
    })
    worker.on("error", (cause) => this.#options.onThreadFault(cause))
    // It alone keeps no process alive.
    worker.unref()
    const ready = await answerOf(worker, limits.SCHEMA_THREAD_START_MS)
    if (ready !== undefined) return worker
    await worker.terminate()
    return undefined
  }

  async #end(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  #rest(applicationId: string): void {
    const nowMs = this.#options.nowMs()
    for (const [id, untilMs] of this.#resting) if (untilMs <= nowMs) this.#resting.delete(id)
    this.#resting.set(applicationId, nowMs + limits.SCHEMA_REST_MS)
  }

  #rests(applicationId: string): boolean {
    return (this.#resting.get(applicationId) ?? 0) > this.#options.nowMs()
  }
}

/** The next message of a thread; `undefined` when it ends or the time is over. */
async function answerOf(worker: Worker, timeMs: number): Promise<AnswerBatch | undefined> {
  const { promise, resolve } = Promise.withResolvers<AnswerBatch | undefined>()
  const over = (): void => resolve(undefined)
  // This process may have been busy itself: an answer that waits to be read counts.
  const timer = setTimeout(() => setImmediate(() => setImmediate(over)), timeMs)
  // One that has failed, which is told elsewhere, exits too.
  worker.once("message", resolve).once("exit", over)
  const answers = await promise
  clearTimeout(timer)
  worker.off("message", resolve).off("exit", over)
  return answers
}
