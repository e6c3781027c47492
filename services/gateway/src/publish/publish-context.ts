import type { IdKind, ShareMeter } from "@posthorn/core"
import type { ConfigFollower, LogAppender } from "@posthorn/log"
import type { IdempotencyClaims, StatusReader } from "@posthorn/store"
import type { PayloadRules } from "../schemas/payload-rules.ts"
import type { IngestLimits } from "./ingest-limits.ts"

/** What accepting events needs. Without an idempotency key nothing but `log` is asked. */
export interface PublishContext {
  readonly log: LogAppender
  readonly config: ConfigFollower
  readonly claims: Pick<IdempotencyClaims, "claim" | "accepted">
  readonly reader: StatusReader
  readonly nowMs: () => number
  /** The system's time, for times that publishers give. */
  readonly wallMs: () => number
  readonly newId: (kind: IdKind) => string
  /** Resolves after that many milliseconds. */
  readonly pause: (ms: number) => Promise<void>
  /** Tells which events are part of a burst beyond what goes out with live traffic. */
  readonly shares: ShareMeter
  readonly limits: IngestLimits
  readonly payloads: Pick<PayloadRules, "judge">
  readonly events: PublishEvents
}

/** What is told about accepted events. */
export interface PublishEvents {
  /** An event was refused because its key or application has published too many. */
  limited(): void
  /** An event is in the log, or is found to have been accepted before. */
  accepted(source: "publish" | "ingest", duplicate: boolean): void
  /** The event is in the log, but that could not be written beside its key: a repetition will have to look for it. */
  claimNotSettled(eventId: string, cause: unknown): void
  /** The store is away: an event whose key the sender did not ask for goes on without it. */
  claimPassedOver(eventId: string, cause: unknown): void
}
