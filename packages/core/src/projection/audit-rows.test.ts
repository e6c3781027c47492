import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { ApplicationSchema, AuditRecordSchema, SigningSecretSchema, SourceScheme, SubscriptionSchema } from "@posthorn/proto"
import { expect, test } from "vitest"
import type { SubscriptionEntity } from "../config/entities.ts"
import { AUDIT_STATE_LENGTH_MAX } from "../limits.ts"
import { refusedDeed } from "./audit-row.ts"
import { auditState } from "./audit-state.ts"

const SECRET = "a secret of somebody"
const entityOf = (more: Partial<SubscriptionEntity> = {}): SubscriptionEntity => ({
  kind: "subscription",
  version: 1,
  subscription: create(SubscriptionSchema, {
    id: "sub_1",
    secret: SECRET,
    headers: { authorization: SECRET },
    source: { scheme: SourceScheme.STANDARD_WEBHOOKS, secret: SECRET },
  }),
  secrets: [create(SigningSecretSchema, { encrypted: SECRET, fingerprint: "v1:a:x", expiresAt: timestampFromMs(0) })],
  sourceSecret: SECRET,
  sourceSecretFingerprint: "v1:a:y",
  voidBefore: 0,
  ...more,
})

test("no secret is in what the audit log keeps of a subscription, however it came there; fingerprints are", () => {
  expect(auditState(entityOf())).toEqual({
    id: "sub_1",
    headers: { authorization: "***" },
    source: { scheme: "standard_webhooks", secret: "v1:a:y" },
    secrets: [{ fingerprint: "v1:a:x", expiresAt: "1970-01-01T00:00:00.000Z" }],
  })
  const older = entityOf({ secrets: [create(SigningSecretSchema, { encrypted: SECRET })], sourceSecretFingerprint: "" })
  expect(auditState(older)).toMatchObject({ secrets: [{ fingerprint: "***" }], source: { secret: "***" } })
  expect(auditState(entityOf({ sourceSecret: "", secrets: [] }))).toEqual({
    id: "sub_1",
    headers: { authorization: "***" },
    source: { scheme: "standard_webhooks" },
  })
})

test("an entity that is too large is left out of the audit log, and that it is said", () => {
  const metadata = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`${at}`, "x".repeat(AUDIT_STATE_LENGTH_MAX / 40)]))
  const state = auditState({ kind: "application", version: 1, application: create(ApplicationSchema, { name: "large", metadata }) })
  expect(state).toEqual({ omitted: expect.stringMatching(/^\d+ characters/) })
})

test.each([
  ["posthorn.v1.KeyService/CreateKey", "key"],
  ["posthorn.v1.DeadLetterService/ListDeadLetters", "dead_letter"],
  ["ingest", "ingest"],
])("a refused request is about what its method is about: %s", (method, kind) => {
  expect(refusedDeed(create(AuditRecordSchema, { id: "1", method }))).toMatchObject({ kind, identity: "refused/1", action: "refused" })
})
