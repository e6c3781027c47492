import { create } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import { SigningSecretSchema, type SigningSecret } from "@posthorn/proto"
import { expect, test } from "vitest"
import * as limits from "../limits.ts"
import { isRefusal } from "../refusal.ts"
import { rotatedSecrets } from "./rotated-secrets.ts"

const NOW = 1_700_000_000_000
const secret = (encrypted: string, expiresInSeconds?: number): SigningSecret =>
  create(SigningSecretSchema, {
    encrypted,
    ...(expiresInSeconds === undefined ? {} : { expiresAt: timestampFromMs(NOW + expiresInSeconds * 1000) }),
  })
const rotated = (today: readonly SigningSecret[], overlapSeconds: number) => {
  const secrets = rotatedSecrets(today, { secret: secret("new"), overlapSeconds }, NOW)
  if (isRefusal(secrets)) return secrets.code
  return secrets.map(({ encrypted, expiresAt }) => [
    encrypted,
    expiresAt === undefined ? "for ever" : (timestampMs(expiresAt) - NOW) / 1000,
  ])
}

test("the old secret goes on signing for the overlap, and no secret longer than it would have anyway", () => {
  expect(rotated([secret("old")], 60)).toEqual([
    ["new", "for ever"],
    ["old", 60],
  ])
  expect(rotated([secret("old"), secret("older", 30), secret("oldest", 90)], 60)).toEqual([
    ["new", "for ever"],
    ["old", 60],
    ["older", 30],
    ["oldest", 60],
  ])
  expect(rotated([], 60)).toEqual([["new", "for ever"]])
})

test("without an overlap every earlier secret ends at once, and one whose time is over is dropped in any case", () => {
  expect(rotated([secret("old"), secret("older", 30)], 0)).toEqual([["new", "for ever"]])
  expect(rotated([secret("old", -1)], 60)).toEqual([["new", "for ever"]])
})

test("one secret too many is refused rather than taken from receivers that were promised time", () => {
  const many = Array.from({ length: limits.SIGNING_SECRETS_MAX }, (_, at) => secret(`${at}`, 100))
  expect(rotated(many, 60)).toBe("failed_precondition")
  expect(rotated(many.slice(1), 60)).toHaveLength(limits.SIGNING_SECRETS_MAX)
  expect(rotated(many, 0)).toHaveLength(1)
})
