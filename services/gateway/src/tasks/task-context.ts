import type { ConfigFollower, LogAppender, LogGroups, LogReader } from "@posthorn/log"
import type { DeadLetterQueue, MutualExclusion, ReplayReader } from "@posthorn/store"
import type { Left } from "./left.ts"

/** What working at tasks needs. */
export interface TaskContext {
  readonly log: LogAppender & LogReader & Pick<LogGroups, "lag">
  readonly config: ConfigFollower
  readonly store: DeadLetterQueue & MutualExclusion & ReplayReader
  readonly nowMs: () => number
  readonly events: TaskEvents
}

/** What came of some dead letters. */
export interface LettersDone {
  readonly done: number
  readonly left: Left
}

/** What is told about tasks. */
export interface TaskEvents {
  /** So many dead letters are done. */
  taskAdvanced(taskId: string, kind: "redrive" | "discard", count: number): void
  /** A replay has begun so many deliveries. */
  taskReplayed(taskId: string, count: number): void
  /** Dead letters that the log holds no more cannot be sent again. */
  deadLettersGone(taskId: string, count: number): void
  /** Something is away: the task goes on later, here or at another gateway. */
  taskInterrupted(taskId: string, cause: unknown): void
  taskDone(taskId: string): void
}
