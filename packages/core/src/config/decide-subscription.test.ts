import { create, toJsonString } from "@bufbuild/protobuf"
import {
  ApplicationSchema,
  HmacAlgorithm,
  SignatureEncoding,
  SignatureStyle,
  SigningSecretSchema,
  SourceScheme,
  SubscriptionHealthSchema,
  SubscriptionSchema,
  type ConfigChanged,
  type Subscription,
} from "@posthorn/proto"
import { expect, test } from "vitest"
import { formatId } from "../ids.ts"
import { isRefusal, type Refusal } from "../refusal.ts"
import type { ChangeContext } from "./change.ts"
import { ConfigTable } from "./config-table.ts"
import { decideCreateApplication } from "./decide-application.ts"
import {
  decideCreateSubscription,
  decideDisable,
  decideEnable,
  decidePause,
  decideResume,
  decideRotateSecret,
  decideUpdateSubscription,
  type UpdateSubscription,
} from "./decide-subscription.ts"
import { evolve } from "./evolve.ts"

const APPLICATION = formatId("application", new Uint8Array(16))
const SUBSCRIPTION = formatId("subscription", new Uint8Array(16))
const context: ChangeContext = { changeId: "c", nowMs: 1_700_000_000_000, actor: { id: "operator", requestId: "r" } }
const noSecrets = { secrets: [], sourceSecret: undefined, judgeUrl: () => undefined } as const

type Fields = Partial<Omit<Subscription, "$typeName" | "$unknown" | "source" | "retryPolicy">> & { source?: object; retryPolicy?: object }
const subscriptionOf = (fields: Fields) => create(SubscriptionSchema, { url: "https://example.com/", ...fields })

function given(...changes: ((table: ConfigTable) => ConfigChanged | Refusal | undefined)[]): ConfigTable {
  const table = new ConfigTable()
  evolve(table, decideCreateApplication({ id: APPLICATION, application: create(ApplicationSchema, { name: "shop" }) }, context), 0)
  for (const decide of changes) {
    const change = decide(table)
    if (change === undefined || isRefusal(change)) throw new Error(`not decided: ${JSON.stringify(change)}`)
    evolve(table, change, 0)
  }
  return table
}

const creating =
  (fields: Fields, more: object = {}) =>
  (table: ConfigTable) =>
    decideCreateSubscription(
      table,
      { id: SUBSCRIPTION, applicationId: APPLICATION, subscription: subscriptionOf(fields), ...noSecrets, ...more },
      context,
    )
const updating =
  (fields: Fields, paths: string[], more: Partial<UpdateSubscription> = {}) =>
  (table: ConfigTable) =>
    decideUpdateSubscription(
      table,
      { subscriptionId: SUBSCRIPTION, subscription: subscriptionOf(fields), paths, ...noSecrets, secrets: undefined, ...more },
      context,
    )
const entityOf = (table: ConfigTable) => table.subscription(SUBSCRIPTION)!
const fieldsOf = (decided: ConfigChanged | Refusal | undefined) =>
  isRefusal(decided) ? decided.details.map((each) => each.field) : ["decided"]

test("a subscription that says only where gets every default spelled out", () => {
  const { subscription } = entityOf(given(creating({})))
  expect(subscription).toMatchObject({
    method: "POST",
    enabled: true,
    timeoutMs: 15_000,
    signatureStyle: SignatureStyle.STANDARD,
    etag: "1",
    applicationId: APPLICATION,
  })
})

test("what a caller writes into the server's fields has no effect", () => {
  const { subscription } = entityOf(given(creating({ id: "sub_x", applicationId: "app_x", etag: "77", disabledReason: "made up" })))
  expect(subscription).toMatchObject({ id: SUBSCRIPTION, applicationId: APPLICATION, etag: "1", disabledReason: "" })
})

test("no plain secret stays in what is stored", () => {
  const entity = entityOf(
    given(creating({ secret: "hunter2", source: { scheme: SourceScheme.HUB, secret: "hunter3" } }, { sourceSecret: "v1:sealed" })),
  )
  expect(toJsonString(SubscriptionSchema, entity.subscription)).not.toMatch(/hunter/)
  expect(entity.sourceSecret).toBe("v1:sealed")
})

test("an update with a mask changes the named fields and nothing else", () => {
  const table = given(creating({ description: "old", headers: { a: "1" }, metadata: { k: "v" } }))
  evolve(table, updating({ description: "new", headers: { b: "2" } }, ["headers"])(table) as ConfigChanged, 0)
  expect(entityOf(table).subscription).toMatchObject({ description: "old", headers: { b: "2" }, metadata: { k: "v" }, etag: "2" })
})

test("a mask may name a field of a field", () => {
  const table = given(creating({ source: { scheme: SourceScheme.NONE, eventTypeHeader: "x-kind" } }))
  evolve(table, updating({ source: { defaultEventType: "a.b" } }, ["source.default_event_type"])(table) as ConfigChanged, 0)
  expect(entityOf(table).subscription.source).toMatchObject({
    scheme: SourceScheme.NONE,
    eventTypeHeader: "x-kind",
    defaultEventType: "a.b",
  })
})

test("an update without a mask sets absent fields back to their defaults and keeps the secrets", () => {
  const sealed = { secrets: [{ $typeName: "posthorn.log.v1.SigningSecret", encrypted: "v1:s" }] }
  const table = given(creating({ description: "old", timeoutMs: 500, method: "PUT" }, sealed), updating({}, []))
  expect(entityOf(table).subscription).toMatchObject({ description: "", timeoutMs: 15_000, method: "POST" })
  expect(entityOf(table).secrets).toMatchObject(sealed.secrets)
})

test("the secret of a source stays when the source is replaced without one, and goes when the source needs none", () => {
  const table = given(
    creating({ source: { scheme: SourceScheme.HUB } }, { sourceSecret: "v1:sealed" }),
    updating({ source: { scheme: SourceScheme.X_SIGNATURE } }, ["source"]),
  )
  expect(entityOf(table).sourceSecret).toBe("v1:sealed")
  evolve(table, updating({ source: { scheme: SourceScheme.NONE } }, ["source"])(table) as ConfigChanged, 0)
  expect(entityOf(table).sourceSecret).toBe("")
})

test("an update by an etag that is not today's is aborted", () => {
  const table = given(creating({}), updating({ description: "b" }, ["description"]))
  expect(updating({ description: "c", etag: "1" }, ["description"])(table)).toMatchObject({ code: "aborted" })
  expect(updating({ description: "c", etag: "2" }, ["description"])(table)).not.toMatchObject({ code: "aborted" })
})

test("every fault is told at once", () => {
  const faulty = {
    headers: { Host: "x", "X-Forwarded-For": "y", ok: "a\r\nb" },
    source: { scheme: SourceScheme.HUB },
    retryPolicy: { delaysSeconds: [1], retryCount: 1 },
    secret: "whsec_?",
  }
  const decided = creating(faulty, { judgeUrl: () => "must be a public address" })(given())
  expect(fieldsOf(decided).toSorted()).toEqual(
    ["headers.Host", "headers.X-Forwarded-For", "headers.ok", "retry_policy", "secret", "source.secret", "url"].map(
      (field) => `subscription.${field}`,
    ),
  )
})

test("a URL that the policy refuses by now does not stop other changes", () => {
  const table = given(creating({ url: "https://old.example.com/" }))
  const refused = { judgeUrl: () => "no" }
  expect(fieldsOf(updating({ description: "x" }, ["description"], refused)(table))).toEqual(["decided"])
  expect(fieldsOf(updating({ url: "https://new.example.com/" }, ["url"], refused)(table))).toEqual(["subscription.url"])
})

test("a mask with an unknown name is refused, one with a server's field is not", () => {
  const table = given(creating({}))
  expect(fieldsOf(updating({}, ["nonsense", "url"])(table))).toEqual(["update_mask"])
  expect(fieldsOf(updating({}, ["id", "created_at", "url"])(table))).toEqual(["decided"])
})

test("disabling keeps its reason until it is enabled, and happens once", () => {
  const disable = (table: ConfigTable) => decideDisable(table, { subscriptionId: SUBSCRIPTION, reason: "endpoint_gone" }, context)
  const table = given(creating({}), disable, updating({ description: "still" }, ["description"]))
  expect(entityOf(table).subscription).toMatchObject({ enabled: false, disabledReason: "endpoint_gone" })
  expect(disable(table)).toBeUndefined()
  evolve(table, decideEnable(table, SUBSCRIPTION, context) as ConfigChanged, 0)
  expect(entityOf(table).subscription).toMatchObject({ enabled: true, disabledReason: "" })
  expect(decideEnable(table, SUBSCRIPTION, context)).toBeUndefined()
})

test("pausing and resuming change nothing but that, do nothing twice, and no update or creation can pause", () => {
  const pausing = (table: ConfigTable) => decidePause(table, SUBSCRIPTION, context)
  const resuming = (table: ConfigTable) => decideResume(table, SUBSCRIPTION, context)
  const disabling = (table: ConfigTable) => decideDisable(table, { subscriptionId: SUBSCRIPTION, reason: "holiday" }, context)
  const created = given(creating({ paused: true, health: create(SubscriptionHealthSchema, { consecutiveFailures: 3 }) }))
  expect(entityOf(created).subscription).toMatchObject({ paused: false, enabled: true })
  expect(entityOf(created).subscription.health).toBeUndefined()
  expect(resuming(created)).toBeUndefined()
  const paused = given(creating({}), disabling, pausing)
  expect(entityOf(paused).subscription).toMatchObject({ paused: true, enabled: false, disabledReason: "holiday" })
  expect(pausing(paused)).toBeUndefined()
  const updated = given(creating({}), pausing, updating({ url: "https://example.org/", paused: false }, []))
  expect(entityOf(updated).subscription).toMatchObject({ paused: true, url: "https://example.org/" })
  expect(entityOf(given(creating({}), disabling, pausing, resuming)).subscription).toMatchObject({ paused: false, enabled: false })
  expect(pausing(new ConfigTable())).toBeUndefined()
})

test("a rotation keeps everything else, looks at the secret's form, and what has expired is gone with the next change", () => {
  const rotating =
    (more: object = {}) =>
    (table: ConfigTable) =>
      decideRotateSecret(
        table,
        { subscriptionId: SUBSCRIPTION, plain: "new", secret: signing("v1:new"), overlapSeconds: 60, ...more },
        context,
      )
  const signing = (encrypted: string) => create(SigningSecretSchema, { encrypted })
  const table = given(creating({ description: "kept" }, { secrets: [signing("v1:old")] }), rotating())
  expect(entityOf(table).secrets).toMatchObject([{ encrypted: "v1:new" }, { encrypted: "v1:old" }])
  expect(entityOf(table).subscription).toMatchObject({ description: "kept", etag: "2" })
  expect(fieldsOf(rotating({ plain: "whsec_?" })(table))).toEqual(["secret"])
  const later = { ...context, nowMs: context.nowMs + 60_000 }
  evolve(table, decidePause(table, SUBSCRIPTION, later) as ConfigChanged, 0)
  expect(entityOf(table).secrets).toMatchObject([{ encrypted: "v1:new" }])
})

test("a filter is judged with everything else, and one that says nothing is none", () => {
  expect(fieldsOf(creating({ filter: { data: { a: { $gte: null } } } })(given()))).toEqual(["subscription.filter.data.a.$gte"])
  expect(entityOf(given(creating({ filter: {} }))).subscription.filter).toBeUndefined()
  const table = given(creating({ filter: { type: "a.b" } }))
  expect(entityOf(table).subscription.filter).toEqual({ type: "a.b" })
  evolve(table, updating({}, ["filter"])(table) as ConfigChanged, 0)
  expect(entityOf(table).subscription.filter).toBeUndefined()
})

test("a source by HMAC needs a header and gets its defaults spelled out; other schemes take none of it, nor a secret of Stripe's apart", () => {
  const sealed = { sourceSecret: "v1:sealed" }
  const hmac = { scheme: SourceScheme.HMAC, signatureHeader: "x-acme" }
  expect(entityOf(given(creating({ source: hmac }, sealed))).subscription.source).toMatchObject({
    algorithm: HmacAlgorithm.SHA256,
    encoding: SignatureEncoding.HEX,
  })
  expect(fieldsOf(creating({ source: { scheme: SourceScheme.HMAC } })(given()))).toEqual([
    "subscription.source.signature_header",
    "subscription.source.secret",
  ])
  const faulty = { ...hmac, scheme: SourceScheme.STRIPE, algorithm: HmacAlgorithm.SHA1, encoding: SignatureEncoding.HEX, prefix: "v1=" }
  expect(fieldsOf(creating({ source: faulty }, sealed)(given()))).toEqual(
    ["signature_header", "algorithm", "encoding", "prefix"].map((field) => `subscription.source.${field}`),
  )
  const secret = "whsec_5fc2a"
  expect(fieldsOf(creating({ source: { scheme: SourceScheme.STRIPE, secret } }, sealed)(given()))).toEqual(["decided"])
  expect(fieldsOf(creating({ source: { scheme: SourceScheme.STANDARD_WEBHOOKS, secret } }, sealed)(given()))).toEqual([
    "subscription.source.secret",
  ])
})
