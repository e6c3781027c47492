import type { LogAppender, LogReader } from "@posthorn/log"
import type { DeadLetterQueue, StatusReader } from "@posthorn/store"
import type { CommandContext } from "../commands/command-context.ts"

/** What the handlers work with. */
export interface RpcContext extends CommandContext {
  readonly log: LogAppender & LogReader
  readonly reader: StatusReader & DeadLetterQueue
  /** Resolves after that many milliseconds. */
  readonly pause: (ms: number) => Promise<void>
}
