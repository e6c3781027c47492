import { setTimeout as wait } from "node:timers/promises"
import { limits, type EntityChange } from "@posthorn/core"
import { TaskKind, TaskProgress } from "@posthorn/proto"
import { runReplay } from "./run-replay.ts"
import { runTask } from "./run-task.ts"
import type { TaskContext } from "./task-context.ts"

interface AtWork {
  readonly stop: AbortController
  readonly ended: Promise<void>
}

/**
 * Works at the tasks that `config` shows as running, each at one gateway at a time, at most `TASKS_AT_ONCE` here. One that another gateway has, or that
 * was interrupted, is tried again after a rest.
 */
export class TaskRunner {
  readonly #context: TaskContext
  /** Every task that runs, wherever. */
  readonly #running = new Set<string>()
  /** Those that wait for a turn here, in order. */
  readonly #waiting = new Set<string>()
  readonly #resting = new Map<string, NodeJS.Timeout>()
  readonly #atWork = new Map<string, AtWork>()
  #stopped = false

  constructor(context: TaskContext) {
    this.#context = context
    const { table } = context.config
    for (const applicationId of table.applications()) for (const id of table.tasksOf(applicationId)) this.#look(id)
  }

  /** To be told of every change of `config`. */
  changed(changes: readonly EntityChange[]): void {
    for (const { before, after } of changes) {
      const entity = after ?? before
      if (entity?.kind === "task") this.#look(entity.task.id)
    }
  }

  /** Stops within a second; what is unfinished goes on elsewhere, or at the next start. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#resting.values()) clearTimeout(timer)
    const atWork = [...this.#atWork.values()]
    for (const { stop } of atWork) stop.abort()
    // A store that has gone silent is not waited for: what is under way then only reads, or is in the log's hands.
    await Promise.race([Promise.all(atWork.map(({ ended }) => ended)), wait(limits.TASK_STOP_MS, undefined, { ref: false })])
  }

  #look(id: string): void {
    const runs = this.#context.config.table.task(id)?.task.state === TaskProgress.RUNNING
    if (!runs) {
      this.#running.delete(id)
      this.#waiting.delete(id)
      this.#atWork.get(id)?.stop.abort()
    } else if (!this.#running.has(id)) {
      this.#running.add(id)
      this.#waiting.add(id)
      this.#next()
    }
  }

  #next(): void {
    for (const id of Array.from(this.#waiting)) {
      if (this.#stopped || this.#atWork.size >= limits.TASKS_AT_ONCE) return
      this.#waiting.delete(id)
      const stop = new AbortController()
      this.#atWork.set(id, { stop, ended: this.#work(id, stop.signal).then(() => this.#rest(id)) })
    }
  }

  async #work(id: string, signal: AbortSignal): Promise<void> {
    const { config, store, events } = this.#context
    try {
      const work = async (held: AbortSignal): Promise<void> => {
        // As it is now that nobody else works at it.
        const task = config.table.task(id)?.task
        if (task?.state !== TaskProgress.RUNNING) return
        await (task.kind === TaskKind.REPLAY ? runReplay : runTask)(this.#context, task, held)
      }
      await store.exclusively(`task/${id}`, work, signal)
    } catch (cause) {
      events.taskInterrupted(id, cause)
    }
  }

  #rest(id: string): void {
    this.#atWork.delete(id)
    if (this.#running.has(id) && !this.#stopped)
      this.#resting.set(
        id,
        setTimeout(() => this.#wake(id), limits.TASK_REST_MS),
      )
    this.#next()
  }

  #wake(id: string): void {
    this.#resting.delete(id)
    if (this.#running.has(id)) this.#waiting.add(id)
    this.#next()
  }
}
