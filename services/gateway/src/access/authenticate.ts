import { createHash, timingSafeEqual } from "node:crypto"
import { timestampMs } from "@bufbuild/protobuf/wkt"
import { limits, refuse, type ConfigTable, type KeyEntity, type Refusal } from "@posthorn/core"
import { Role } from "@posthorn/proto"
import type { SecretBox } from "@posthorn/runtime"
import type { Caller } from "../call.ts"
import { keyIdOf, matchesHash } from "./token.ts"

export interface AuthenticateOptions {
  readonly table: ConfigTable
  readonly box: SecretBox
  /** The installation's admin key. */
  readonly operatorKey: string
  readonly nowMs: () => number
  /** Called with every key of an application that lets a caller in. */
  readonly used: (keyId: string) => void
}

interface Verified {
  /** As it was when the token was verified: another object by now means that the key has changed. */
  readonly entity: KeyEntity
  readonly caller: Caller
  readonly untilMs: number
}

const OPERATOR: Caller = { role: Role.OPERATOR, applicationId: undefined, keyId: "operator" }

/**
 * Finds out who calls by the `Authorization` header. A key that was revoked, or whose application was deleted, is refused as soon as this
 * process has read so. One answer for every fault: it does not tell whether a key exists.
 */
export function createAuthenticate({
  table,
  box,
  operatorKey,
  nowMs,
  used,
}: AuthenticateOptions): (authorization: string | undefined) => Promise<Caller | Refusal> {
  const operatorDigest = digestOf(operatorKey)
  const verified = new Map<string, Verified>()

  const remember = (token: string, entry: Verified): Caller => {
    verified.delete(token)
    verified.set(token, entry)
    const [oldest] = verified.keys()
    if (verified.size > limits.KEY_CACHE_ENTRIES_MAX && oldest !== undefined) verified.delete(oldest)
    return entry.caller
  }

  const callerOf = (token: string): Caller | undefined => {
    const known = verified.get(token)
    const id = known?.caller.keyId ?? keyIdOf(token)
    const entity = id === undefined ? undefined : table.key(id)
    if (entity === undefined || !isValid(entity, nowMs())) {
      verified.delete(token)
      return timingSafeEqual(digestOf(token), operatorDigest) ? OPERATOR : undefined
    }
    if (known?.entity === entity && known.untilMs > nowMs()) return known.caller
    if (!matchesHash(token, entity.tokenHash, box)) return undefined
    const { role, applicationId } = entity.key
    return remember(token, { entity, caller: { role, applicationId, keyId: entity.key.id }, untilMs: nowMs() + limits.KEY_CACHE_MS })
  }

  return async (authorization) => {
    const [, token] = /^Bearer +([\x21-\x7e]{1,500}) *$/i.exec(authorization ?? "") ?? []
    if (token === undefined) return refuse("unauthenticated", "Send an API key in the header Authorization: Bearer <key>.")
    const caller = callerOf(token)
    if (caller === undefined) return refuse("unauthenticated", "The API key is not valid.")
    if (caller !== OPERATOR) used(caller.keyId)
    return caller
  }
}

function isValid({ key }: KeyEntity, nowMs: number): boolean {
  return key.revokedAt === undefined && (key.expiresAt === undefined || timestampMs(key.expiresAt) > nowMs)
}

const digestOf = (text: string): Buffer => createHash("sha256").update(text).digest()
