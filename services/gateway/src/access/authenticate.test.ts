import { createSecretKey } from "node:crypto"
import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import {
  ConfigTable,
  decideCreateApplication,
  decideCreateKey,
  decideRevokeKey,
  evolveConfig,
  formatId,
  isRefusal,
  type ChangeContext,
} from "@posthorn/core"
import { ApplicationSchema, KeySchema, Role } from "@posthorn/proto"
import { SecretBox } from "@posthorn/runtime"
import { expect, test } from "vitest"
import { createAuthenticate } from "./authenticate.ts"
import { authorize } from "./authorize.ts"
import { hashToken, makeToken } from "./token.ts"

const APPLICATION = formatId("application", new Uint8Array(16))
const KEY = formatId("key", new Uint8Array(16))
const OPERATOR_KEY = "operator-operator-operator-operator"
const box = new SecretBox([{ kid: "a", key: createSecretKey(Buffer.alloc(32, 7)) }])
const context: ChangeContext = { changeId: "c", nowMs: 0, actor: { id: "operator", requestId: "r" } }

function given({ expiresAtMs }: { expiresAtMs?: number } = {}) {
  const table = new ConfigTable()
  const token = makeToken(KEY)
  const take = (change: ReturnType<typeof decideRevokeKey>) => void (change && !isRefusal(change) && evolveConfig(table, change, 0))
  take(decideCreateApplication({ id: APPLICATION, application: create(ApplicationSchema, { name: "shop" }) }, context))
  const key = create(KeySchema, { role: Role.VIEWER, ...(expiresAtMs === undefined ? {} : { expiresAt: timestampFromMs(expiresAtMs) }) })
  take(
    decideCreateKey(
      table,
      { id: KEY, applicationId: APPLICATION, key, tokenHash: hashToken(token, box), lastFour: token.slice(-4) },
      context,
    ),
  )
  let nowMs = 0
  const used: string[] = []
  const authenticate = createAuthenticate({
    table,
    box,
    operatorKey: OPERATOR_KEY,
    nowMs: () => nowMs,
    used: (keyId) => void used.push(keyId),
  })
  const codeOf = async (authorization: string | undefined) => {
    const caller = await authenticate(authorization)
    return isRefusal(caller) ? caller.code : caller
  }
  return { used, token, take, codeOf, revoke: () => take(decideRevokeKey(table, KEY, context)), at: (ms: number) => void (nowMs = ms) }
}

test("a key is known by its token, and the operator by the admin key", async () => {
  const { token, used, codeOf } = given()
  expect(await codeOf(`Bearer ${token}`)).toEqual({ role: Role.VIEWER, applicationId: APPLICATION, keyId: KEY })
  expect(await codeOf(`bearer ${OPERATOR_KEY}`)).toEqual({ role: Role.OPERATOR, applicationId: undefined, keyId: "operator" })
  expect(used).toEqual([KEY])
})

test("anything else is refused: no header, another scheme, another token of the same key, more or less of the admin key", async () => {
  const { token, codeOf } = given()
  for (const header of [
    undefined,
    "",
    token,
    `Basic ${token}`,
    `Bearer ${makeToken(KEY)}`,
    `Bearer ${OPERATOR_KEY}x`,
    `Bearer ${OPERATOR_KEY.slice(1)}`,
    `Bearer ${token} ${token}`,
  ]) {
    expect(await codeOf(header)).toBe("unauthenticated")
  }
})

test("a token that was just verified is refused from the moment that its key is revoked", async () => {
  const { token, codeOf, revoke } = given()
  expect(await codeOf(`Bearer ${token}`)).toMatchObject({ keyId: KEY })
  revoke()
  expect(await codeOf(`Bearer ${token}`)).toBe("unauthenticated")
})

test("a token that was just verified is refused from the moment that its key expires", async () => {
  const { token, codeOf, at } = given({ expiresAtMs: 2000 })
  at(1999)
  expect(await codeOf(`Bearer ${token}`)).toMatchObject({ keyId: KEY })
  at(2000)
  expect(await codeOf(`Bearer ${token}`)).toBe("unauthenticated")
})

test("each role may call what it is for", () => {
  const roles = [Role.OPERATOR, Role.ADMIN, Role.VIEWER, Role.SENDER]
  const may = (role: Role) => roles.filter((required) => authorize(required, { role, applicationId: "a", keyId: "k" }) === undefined)
  expect(may(Role.OPERATOR)).toEqual(roles)
  expect(may(Role.ADMIN)).toEqual([Role.ADMIN, Role.VIEWER, Role.SENDER])
  expect(may(Role.VIEWER)).toEqual([Role.VIEWER])
  expect(may(Role.SENDER)).toEqual([Role.SENDER])
  expect(may(Role.UNSPECIFIED)).toEqual([])
  expect(authorize(Role.UNSPECIFIED, { role: Role.OPERATOR, applicationId: undefined, keyId: "k" })).toMatchObject({
    code: "permission_denied",
  })
})
