import { randomUUID } from "node:crypto"
import { setTimeout as pause } from "node:timers/promises"
import { limits, type ConfigTable } from "@posthorn/core"
import type { LogAppender } from "@posthorn/log"
import type { Clock, SecretBox } from "@posthorn/runtime"
import type { KeyUses } from "@posthorn/store"
import type { Access, RefusalNotes } from "../call.ts"
import { createAdmit } from "./admit.ts"
import { createAuthenticate } from "./authenticate.ts"
import { authorize } from "./authorize.ts"
import { KeyUse } from "./key-use.ts"
import { type RefusalEvents, Refusals } from "./refusals.ts"

export interface AccessOptions {
  readonly log: LogAppender
  readonly table: ConfigTable
  readonly store: Pick<KeyUses, "noteUses">
  readonly box: SecretBox
  readonly operatorKey: string
  readonly clock: Clock
  readonly events: RefusalEvents & { keyUsesWaiting(cause: unknown): void }
}

export interface OpenAccess {
  readonly access: Access
  readonly refusals: RefusalNotes
  /** Writes what is noted of callers. A log or a store that is away is not waited for: what is lost is of no weight. */
  stop(): Promise<void>
}

/** Lets callers in, and takes down which keys were used and who was refused. */
export function openAccess({ log, table, store, box, operatorKey, clock, events }: AccessOptions): OpenAccess {
  const { nowMs } = clock
  const keyUse = new KeyUse({ store, nowMs, failed: (cause) => events.keyUsesWaiting(cause) })
  const refusals = new Refusals({ log, table, nowMs, newId: randomUUID, events })
  const used = (keyId: string): void => keyUse.used(keyId)
  const authenticate = createAdmit(createAuthenticate({ table, box, operatorKey, nowMs: () => clock.wallMs(), used }))
  return {
    access: { authenticate, authorize },
    refusals,
    async stop() {
      await Promise.race([Promise.all([refusals.stop(), keyUse.stop()]), pause(limits.NOTES_STOP_MS, undefined, { ref: false })])
    },
  }
}
