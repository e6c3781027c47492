import type { ConfigFollower, LogAppender, LogReader } from "@posthorn/log"
import type { DeadLetterQueue, MutualExclusion } from "@posthorn/store"

/** What working at tasks needs. */
export interface TaskContext {
  readonly log: LogAppender & LogReader
  readonly config: ConfigFollower
  readonly store: DeadLetterQueue & MutualExclusion
  readonly nowMs: () => number
  readonly events: TaskEvents
}

/** What is told about tasks. */
export interface TaskEvents {
  /** So many dead letters are done. */
  taskAdvanced(taskId: string, kind: "redrive" | "discard", count: number): void
  /** Dead letters that the log holds no more cannot be sent again. */
  deadLettersGone(taskId: string, count: number): void
  /** Something is away: the task goes on later, here or at another gateway. */
  taskInterrupted(taskId: string, cause: unknown): void
  taskDone(taskId: string): void
}
