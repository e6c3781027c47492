import type { AnalyticsReader } from "@posthorn/analytics"
import type { LogAppender, LogReader } from "@posthorn/log"
import type { AuditReader, DeadLetterQueue, IdempotencyClaims, KeyUses, StatusReader } from "@posthorn/store"
import type { CommandContext } from "../commands/command-context.ts"
import type { SchemaChecker } from "../schemas/schema-checker.ts"

/** What the handlers work with. */
export interface RpcContext extends CommandContext {
  readonly log: LogAppender & LogReader
  readonly schemas: Pick<SchemaChecker, "ask">
  readonly reader: StatusReader & AuditReader & Pick<KeyUses, "lastUses"> & DeadLetterQueue
  readonly claims: IdempotencyClaims
  readonly analytics: AnalyticsReader
  /** How many records analytics is behind the log; `undefined` = not known. */
  readonly lagRecords: () => Promise<number | undefined>
  /** Resolves after that many milliseconds. */
  readonly pause: (ms: number) => Promise<void>
}
