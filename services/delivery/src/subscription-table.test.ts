import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { prepareSecret, type SubscriptionEntity } from "@posthorn/core"
import { SigningSecretSchema, SubscriptionSchema } from "@posthorn/proto"
import { createCrypto } from "@posthorn/runtime"
import { expect, test } from "vitest"
import { createSubscriptionTable } from "./subscription-table.ts"

const NOW = 1_700_000_000_000

test("after a rotation every secret signs until its time is over, the newest first", () => {
  const crypto = createCrypto()
  const table = createSubscriptionTable({ find: () => undefined, crypto, decrypt: (encrypted) => encrypted })
  const secret = (encrypted: string, endsInMs?: number) =>
    create(SigningSecretSchema, { encrypted, ...(endsInMs === undefined ? {} : { expiresAt: timestampFromMs(NOW + endsInMs) }) })
  const entity: SubscriptionEntity = {
    kind: "subscription",
    version: 3,
    subscription: create(SubscriptionSchema, { id: "sub_1" }),
    secrets: [secret("new"), secret("old", 2000), secret("older", 1000)],
    sourceSecret: "",
    sourceSecretFingerprint: "",
    voidBefore: 0,
  }
  const signature = (prepared: ReturnType<typeof prepareSecret>) => prepared.standard([new TextEncoder().encode("body")])
  const expected = (...texts: string[]) => texts.map((text) => signature(prepareSecret(text, crypto)))
  const signing = (afterMs: number) => table.secretsOf(entity, NOW + afterMs).map(signature)
  expect(signing(0)).toEqual(expected("new", "old", "older"))
  expect(signing(1000)).toEqual(expected("new", "old"))
  expect(signing(2000)).toEqual(expected("new"))
})
