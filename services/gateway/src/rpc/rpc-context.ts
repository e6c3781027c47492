import type { AnalyticsReader } from "@posthorn/analytics"
import type { LogAppender, LogGroups, LogReader } from "@posthorn/log"
import type {
  AuditReader,
  ConservationReader,
  DeadLetterQueue,
  IdempotencyClaims,
  KeyUses,
  ReplayReader,
  StatusReader,
  StoryReader,
} from "@posthorn/store"
import type { CommandContext } from "../commands/command-context.ts"
import type { LiveDeliveries } from "../live/live-deliveries.ts"
import type { SchemaChecker } from "../schemas/schema-checker.ts"

/** What the handlers work with. */
export interface RpcContext extends CommandContext {
  readonly log: LogAppender & LogReader & Pick<LogGroups, "lag">
  readonly schemas: Pick<SchemaChecker, "ask">
  readonly reader: StatusReader &
    StoryReader &
    AuditReader &
    ConservationReader &
    Pick<KeyUses, "lastUses"> &
    DeadLetterQueue &
    ReplayReader
  readonly claims: IdempotencyClaims
  readonly analytics: AnalyticsReader
  /** How many records analytics is behind the log; `undefined` = not known. */
  readonly lagRecords: () => Promise<number | undefined>
  readonly live: Pick<LiveDeliveries, "watch">
  /** Resolves after that many milliseconds. */
  readonly pause: (ms: number) => Promise<void>
}
