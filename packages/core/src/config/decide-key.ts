import { create } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import { KeySchema, KeyStateSchema, type ConfigChanged, type Key } from "@posthorn/proto"
import { refuse, type Refusal } from "../refusal.ts"
import { changed, noSuch, type ChangeContext } from "./change.ts"
import type { ConfigTable } from "./config-table.ts"

export interface CreateKey {
  readonly id: string
  readonly applicationId: string
  /** `name`, `role`, `expires_at` and `rate_limit` as asked for; the rest is the server's. */
  readonly key: Key
  /** See `KeyState.token_hash`. */
  readonly tokenHash: string
  readonly lastFour: string
}

export function decideCreateKey(table: ConfigTable, command: CreateKey, context: ChangeContext): ConfigChanged | Refusal {
  const { id, applicationId, tokenHash, lastFour } = command
  const { name, role, expiresAt, rateLimit } = command.key
  if (table.application(applicationId) === undefined) return noSuch("application")
  if (expiresAt !== undefined && timestampMs(expiresAt) <= context.nowMs) {
    return refuse("invalid_argument", "The key would have expired already.", {
      details: [{ field: "key.expires_at", reason: "must be in the future" }],
    })
  }
  const createdAt = timestampFromMs(context.nowMs)
  const key = create(KeySchema, { id, applicationId, name, role, lastFour, expiresAt, rateLimit, createdAt })
  return changed({ entityId: id, version: 0, state: { case: "key", value: create(KeyStateSchema, { key, tokenHash }) } }, context)
}

/** `undefined` = the key is revoked already. A revoked key stays in the list, and in the log, for whoever asks later what it was. */
export function decideRevokeKey(table: ConfigTable, keyId: string, context: ChangeContext): ConfigChanged | Refusal | undefined {
  const entity = table.key(keyId)
  if (entity === undefined) return noSuch("key")
  if (entity.key.revokedAt !== undefined) return undefined
  const key = create(KeySchema, { ...entity.key, revokedAt: timestampFromMs(context.nowMs) })
  const state = create(KeyStateSchema, { key, tokenHash: entity.tokenHash })
  return changed({ entityId: keyId, version: entity.version, state: { case: "key", value: state } }, context)
}
