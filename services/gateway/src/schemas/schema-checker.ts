import { once } from "node:events"
import { setImmediate as nextTurn } from "node:timers/promises"
import { Worker } from "node:worker_threads"
import { limits, type Violation } from "@posthorn/core"
import type { Answer, Question } from "./compiled-schemas.ts"

/**
 * What came of a question. Without an answer: `overrun`, it took too long; `resting`, the application had one that did, or has too many that
 * wait; `unavailable`, the thread does not start.
 */
export type Outcome = { readonly violations: readonly Violation[] } | "overrun" | "resting" | "unavailable"

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
 * Compiles schemas and checks payloads in a thread of its own, one at a time, with a deadline. Applications take turns, and one whose question
 * overran rests for a while, so that nobody waits long for what others make expensive. The thread starts with the first question.
 */
export class SchemaChecker {
  readonly #options: SchemaCheckerOptions
  /** By application, the one whose turn it is first. */
  readonly #queues = new Map<string, Waiting[]>()
  /** Until when an application rests. */
  readonly #resting = new Map<string, number>()
  #waiting = 0
  #running = false
  #worker: Worker | undefined

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
    for (const queue of this.#queues.values()) for (const { resolve } of queue.splice(0)) resolve("unavailable")
    this.#queues.clear()
    await this.#end()
  }

  async #runAll(): Promise<void> {
    this.#running = true
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const { applicationId, question, resolve } = next
      const outcome = this.#rests(applicationId) ? "resting" : await this.#put(question)
      if (outcome === "overrun") this.#rest(applicationId)
      resolve(outcome)
    }
    this.#running = false
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

  async #put(question: Question): Promise<Outcome> {
    const worker = (this.#worker ??= await this.#start())
    if (worker === undefined) return "unavailable"
    post(worker, question)
    const violations = await answerOf(worker, this.#options.checkMs ?? limits.SCHEMA_CHECK_MS)
    if (violations !== undefined) return { violations }
    await this.#end()
    return "overrun"
  }

  async #start(): Promise<Worker | undefined> {
    // Beside this file, with the same ending: `.ts` in the sources, `.js` when built.
    const worker = new Worker(new URL(import.meta.url.replace("schema-checker", "schema-thread")), {
      env: {},
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

/** A payload lies in the bytes of the request that it came in, which would all go along: it is copied out of them. */
function post(worker: Worker, question: Question): void {
  const payload = question.kind === "payload" ? new Uint8Array(question.payload) : undefined
  worker.postMessage(payload ? { ...question, payload } : question, payload ? [payload.buffer] : [])
}

/** The next message of a thread; `undefined` when it ends or the time is over. */
async function answerOf(worker: Worker, timeMs: number): Promise<Answer | undefined> {
  const over = new AbortController()
  const timer = setTimeout(() => {
    // This process may have been busy itself: an answer that waits to be read counts.
    void nextTurn()
      .then(() => nextTurn())
      .then(() => over.abort())
  }, timeMs)
  const { signal } = over
  try {
    const [answer] = (await Promise.race([once(worker, "message", { signal }), once(worker, "exit", { signal }).then(() => [])])) as [
      Answer?,
    ]
    return answer
  } catch {
    return undefined // Aborted by the timer, or the thread has failed, which is told elsewhere.
  } finally {
    clearTimeout(timer)
    over.abort()
  }
}
