import { limits, ShareMeter, type Crypto, type Rate } from "@posthorn/core"
import type { Clock, SecretBox } from "@posthorn/runtime"
import type { Access, PublishPort } from "../call.ts"
import { PayloadRules, type PayloadEvents } from "../schemas/payload-rules.ts"
import type { SchemaChecker } from "../schemas/schema-checker.ts"
import { IngestLimits } from "./ingest-limits.ts"
import { createIngest } from "./ingest.ts"
import { KeyedAcceptance } from "./keyed-acceptance.ts"
import type { PublishContext, PublishEvents } from "./publish-context.ts"
import { createPublish } from "./publish.ts"
import { createVerifySender } from "./verify-sender.ts"

export interface PublishingOptions extends Pick<PublishContext, "log" | "config" | "claims" | "reader" | "newId" | "pause"> {
  readonly access: Access
  readonly box: SecretBox
  readonly crypto: Crypto
  readonly clock: Clock
  readonly schemas: SchemaChecker
  /** For applications that say nothing of their own; `undefined` = any number of events. */
  readonly ingestRateLimit: Omit<Rate, "burst"> | undefined
  readonly events: PublishEvents & PayloadEvents
}

/** The way by which events come in, with all that is asked of them before they are in the log. */
export function openPublishing(options: PublishingOptions): PublishPort {
  const { access, box, crypto, clock, config, schemas, ingestRateLimit, events } = options
  const { table } = config
  const { nowMs } = clock
  const wallMs = (): number => clock.wallMs()
  const context: PublishContext = {
    ...options,
    nowMs,
    wallMs,
    shares: new ShareMeter({ perSecond: limits.LIVE_PER_SECOND, burst: limits.LIVE_BURST }),
    limits: new IngestLimits({ table, installation: ingestRateLimit && { ...ingestRateLimit, burst: 0 }, nowMs }),
    payloads: new PayloadRules({ table, checker: schemas, events }),
  }
  const keyed = new KeyedAcceptance(context)
  return {
    publish: createPublish(context, keyed),
    ingest: createIngest(context, keyed, createVerifySender({ access, box, crypto, nowMs: wallMs })),
  }
}
