import {
  create,
  fromJson,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type JsonObject,
  type Message,
  toJson,
} from "@bufbuild/protobuf"
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt"
import { Code, ConnectError, type Transport } from "@connectrpc/connect"
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node"
import { formatId, TOPICS } from "@posthorn/core"
import { file_grpc_health_v1_health, Role } from "@posthorn/proto"
import { systemClock } from "@posthorn/runtime"
import { afterAll, beforeAll, expect, test } from "vitest"
import { Handlers, methodName } from "../call.ts"
import { deliveriesOf } from "../deliveries-under-test.ts"
import { Entry, invokersOf } from "../doors/entry.ts"
import { publicFeeds, publicMethods, publicServices, publicStreams, roleOf } from "../doors/methods.ts"
import type { RoutedMethod } from "../doors/rest-binding.ts"
import { OPERATOR_KEY, startInstallation, type Answer, type GatewayUnderTest, type Installation } from "../gateway-under-test.ts"
import { project } from "../projecting-under-test.ts"
import { type Ids, idsNamed, restRequests, sampleRequest } from "./requests-under-test.ts"

/** Who may call a method that asks for a role, written down once more: what the code says must be this. */
const MAY: Readonly<Record<string, readonly number[]>> = {
  operator: [Role.OPERATOR, Role.ADMIN, Role.VIEWER, Role.SENDER],
  admin: [Role.ADMIN, Role.VIEWER, Role.SENDER],
  viewer: [Role.VIEWER],
  sender: [Role.SENDER],
}
/** Whom nobody knows. */
const STRANGERS = ["no key", "a garbage key", "a forged key", "a revoked key", "an expired key"] as const
const DOORS = ["grpc", "grpc-web", "connect"] as const

interface Reply {
  /** `ok`, or a code in lower snake case. */
  readonly code: string
  /** All that came back. */
  readonly text: string
  /** What people read of it; empty unless it was refused. */
  readonly message: string
}

let installation: Installation
let gateway: GatewayUnderTest
let transports: Record<(typeof DOORS)[number], Transport>
/** By who it is; absent = no key. */
const tokens = new Map<string, string>()
let victim: Ids
const NOBODY: Ids = Object.fromEntries(
  (["application", "subscription", "key", "event", "delivery", "task"] as const).map((kind) => [
    `${kind}_id`,
    formatId(kind, new Uint8Array(16).fill(9)),
  ]),
)
/** Everything that was asked, to be counted against the contract. */
const asked = new Set<string>()

const ok = (answer: Answer) => {
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300)
  return answer.body
}

beforeAll(async () => {
  installation = await startInstallation()
  let aheadMs = 0
  gateway = await installation.gateway({
    clock: { ...systemClock, wallMs: () => systemClock.wallMs() + aheadMs },
    // Nobody works at tasks: what is in the log is there because somebody asked for it.
    store: { ...installation.store, exclusively: async () => undefined },
  })
  const { ask } = gateway
  const [application, other] = await Promise.all(
    ["victim", "stranger"].map(async (name) => ok(await ask("POST /v1/applications", { body: { name } })).id as string),
  )
  const newKey = async (id: string, role: string, more: object = {}) =>
    ok(await ask(`POST /v1/applications/${id}/keys`, { body: { role, ...more } }))
  for (const role of ["admin", "viewer", "sender"]) {
    tokens.set(role, (await newKey(application!, role)).token)
    tokens.set(`a foreign ${role}`, (await newKey(other!, role)).token)
  }
  const revoked = await newKey(application!, "admin")
  ok(await ask(`DELETE /v1/applications/${application}/keys/${revoked.key.id}`))
  const expired = await newKey(application!, "admin", { expiresAt: new Date(Date.now() + 3_600_000).toISOString() })
  aheadMs = 7_200_000
  tokens
    .set("operator", OPERATOR_KEY)
    .set("a garbage key", "x".repeat(40))
    .set("a revoked key", revoked.token)
    .set("an expired key", expired.token)
  tokens.set("a forged key", (await newKey(other!, "admin")).token.replace(/^(ph_live_)[^_]+/, `$1${revoked.key.id.slice(4)}`))
  victim = await somethingOfEverything(application!, revoked.key.id)
  const grpc = { baseUrl: `http://${gateway.grpcAddress}` }
  const http = { baseUrl: gateway.httpUrl, httpVersion: "1.1" } as const
  transports = {
    grpc: createGrpcTransport(grpc),
    "grpc-web": createGrpcWebTransport(http),
    connect: createConnectTransport({ ...http, useBinaryFormat: false }),
  }
}, 60_000)
afterAll(async () => {
  await gateway?.stop()
  await installation?.stop()
})

async function somethingOfEverything(application: string, keyId: string): Promise<Ids> {
  const { ask } = gateway
  const body = { url: "https://example.com/", eventTypes: ["*"] }
  const subscription = ok(await ask(`POST /v1/applications/${application}/subscriptions`, { body })).id
  const sent = await deliveriesOf(installation, gateway).sent({ application, subscription, admin: "", viewer: "" })
  const task = ok(await ask("POST /v1/dead-letters:redrive", { body: { filter: { applicationId: application } } })).task.id
  ok(await ask(`POST /v1/applications/${application}/event-types`, { body: { name: "order.created" } }))
  await project(installation.log, installation.store)
  return {
    application_id: application,
    subscription_id: subscription,
    key_id: keyId,
    event_id: sent.facts.eventId,
    delivery_id: sent.id,
    task_id: task,
    entity_id: subscription,
  }
}

async function typed(
  door: (typeof DOORS)[number],
  method: RoutedMethod,
  { who, request }: { who: string; request: Message },
): Promise<Reply> {
  asked.add(`${door} ${methodName(method)} ${who}`)
  const token = tokens.get(who)
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  try {
    const message =
      method.methodKind === "unary"
        ? (await transports[door].unary(method, undefined, 20_000, headers, request, undefined)).message
        : await firstMessage(door, method, { headers, request })
    return { code: "ok", text: message === undefined ? "" : JSON.stringify(toJson(method.output, message)), message: "" }
  } catch (error) {
    const { code, rawMessage: message, details } = ConnectError.from(error)
    return {
      code: wordOf(code),
      message,
      text: JSON.stringify([message, details.map((each) => ("value" in each ? Buffer.from(each.value as Uint8Array).toString() : ""))]),
    }
  }
}

/** Of a stream, which need not have one, and is closed then. */
async function firstMessage(
  door: (typeof DOORS)[number],
  method: DescMethodServerStreaming,
  { headers, request }: { headers: Record<string, string>; request: Message },
): Promise<Message | undefined> {
  const closing = new AbortController()
  const input = (async function* messages() {
    yield request as never
  })()
  const { message: messages } = await transports[door].stream(method, closing.signal, 20_000, headers, input, undefined)
  const { value } = await messages[Symbol.asyncIterator]().next()
  closing.abort()
  return value as Message | undefined
}

/** What is there of the answer once it begins. */
async function restFeed(path: string, who: string): Promise<Answer> {
  const token = tokens.get(who)
  const closing = new AbortController()
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const response = await fetch(gateway.httpUrl + path, { headers, signal: closing.signal })
  const chunk = await response.body?.getReader().read()
  closing.abort()
  const text = Buffer.from((chunk?.value as Uint8Array | undefined) ?? []).toString()
  return { status: response.status, headers: response.headers, body: response.status === 200 ? text : JSON.parse(text) }
}

const wordOf = (code: Code): string => (Code[code] ?? "").replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase()

async function rest(method: RoutedMethod, who: string, json: JsonObject): Promise<Reply[]> {
  return Promise.all(
    restRequests(method, json).map(async ({ httpMethod, path, body }, at) => {
      asked.add(`rest ${at} ${methodName(method)} ${who}`)
      const answer =
        method.methodKind === "unary"
          ? await gateway.ask(`${httpMethod} ${path}`, { key: tokens.get(who) ?? null, ...(body === undefined ? {} : { body }) })
          : await restFeed(path, who)
      const status = { 401: "unauthenticated", 403: "permission_denied", 404: "not_found" }[answer.status]
      const code = answer.status < 300 ? "ok" : answer.body.code
      if (status !== undefined || ["unauthenticated", "permission_denied", "not_found"].includes(code)) expect(code, path).toBe(status)
      return { code, text: JSON.stringify(answer.body), message: code === "ok" ? "" : answer.body.message }
    }),
  )
}

/** The answers of every door. */
async function everywhere(method: RoutedMethod, who: string, ids: Ids): Promise<Reply[]> {
  const json = sampleRequest(method, ids)
  const request = fromJson(method.input, json)
  return [...(await Promise.all(DOORS.map((door) => typed(door, method, { who, request })))), ...(await rest(method, who, json))]
}

const methods = [...publicMethods, ...publicFeeds].map((method) => [methodName(method), method] as const)
const codesOf = (replies: readonly Reply[]) => [...new Set(replies.map(({ code }) => code))]
const changes = ({ idempotency }: RoutedMethod) => idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS
/** Every record that there is, but of what was refused. */
const recordsInLog = async () => {
  const topics = TOPICS.filter((topic) => topic !== "audit" && topic !== "config.snapshots")
  return Promise.all(topics.map(async (topic) => [topic, (await installation.log.ends(topic)).map(({ high }) => high)]))
}

test.each(methods)("%s: nobody is let in without a valid key", async (_, method) => {
  const before = await recordsInLog()
  for (const who of STRANGERS) expect([who, codesOf(await everywhere(method, who, victim))]).toEqual([who, ["unauthenticated"]])
  expect(await recordsInLog()).toEqual(before)
})

test.each(methods)("%s: its role decides who may call it", async (_, method) => {
  for (const [who, roles] of Object.entries(MAY)) {
    if (!roles.includes(roleOf(method))) {
      const before = await recordsInLog()
      expect([who, codesOf(await everywhere(method, who, victim))]).toEqual([who, ["permission_denied"]])
      expect(await recordsInLog()).toEqual(before)
      continue
    }
    // What would change something names nothing that there is, but its application.
    const ids = changes(method)
      ? { ...NOBODY, entity_id: "", ...(roleOf(method) === Role.OPERATOR ? {} : { application_id: victim["application_id"]! }) }
      : victim
    const codes = codesOf(await everywhere(method, who, ids))
    expect(
      ["unauthenticated", "permission_denied", ...(changes(method) ? [] : ["not_found"])].filter((code) => codes.includes(code)),
    ).toEqual([])
  }
})

test.each(methods)("%s: what belongs to another application does not exist", async (_, method) => {
  const before = await recordsInLog()
  for (const role of ["admin", "viewer", "sender"]) {
    const who = `a foreign ${role}`
    const replies = await everywhere(method, who, victim)
    const named = idsNamed(method.input, sampleRequest(method, victim))
    const allowed = MAY[role]!.includes(roleOf(method))
    if (!allowed) expect([who, codesOf(replies)]).toEqual([who, ["permission_denied"]])
    else if (named.whole.length > 0) {
      expect([who, codesOf(replies)]).toEqual([who, ["not_found"]])
      // In the same words as what does not exist at all.
      const unknown = await everywhere(method, who, { ...victim, ...NOBODY })
      expect(unknown.map(({ code, message }) => [code, message])).toEqual(replies.map(({ code, message }) => [code, message]))
    } else if (named.inItems.length > 0) for (const { text } of replies) expect(text).toContain("not_found")
    else expect(["unauthenticated", "permission_denied"].filter((code) => codesOf(replies).includes(code))).toEqual([])
    for (const { text } of replies) for (const id of Object.values(victim)) expect(text).not.toContain(id)
  }
  expect(await recordsInLog()).toEqual(before)
})

test.each(methods)("%s: one foreign id among one's own, or alone, is answered as none", async (_, method) => {
  const { input } = method
  const all = sampleRequest(method, victim)
  for (const name of idsNamed(input, all).whole.filter((path) => !path.includes("."))) {
    const alone = {
      ...all,
      ...Object.fromEntries(
        Object.keys(all)
          .filter((each) => each in victim && each !== name)
          .map((each) => [each, ""]),
      ),
    }
    const { code, text } = await typed("connect", method, { who: "a foreign admin", request: fromJson(input, alone) })
    if (roleOf(method) === Role.OPERATOR) expect(code).toBe("permission_denied")
    else expect(["not_found", "invalid_argument", ...(changes(method) ? [] : ["ok"])]).toContain(code)
    for (const id of Object.values(victim)) expect(text).not.toContain(id)
  }
})

test.each(publicStreams.map((method) => [methodName(method), method] as const))("%s: who may open the stream", async (_, method) => {
  const open = async (who: string, requests: readonly object[]) => {
    asked.add(`grpc ${methodName(method)} ${who}`)
    const token = tokens.get(who)
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const input = (async function* messages() {
      for (const request of requests) yield create(method.input, request as never)
    })()
    try {
      const answered = []
      const { message } = await transports.grpc.stream(method, undefined, 20_000, headers, input, undefined)
      for await (const each of message) answered.push(toJson(method.output, each))
      return { code: "ok", text: JSON.stringify(answered) }
    } catch (error) {
      return { code: wordOf(ConnectError.from(error).code), text: "" }
    }
  }
  for (const who of STRANGERS) expect((await open(who, [])).code).toBe("unauthenticated")
  for (const [who, roles] of Object.entries(MAY))
    expect((await open(who, [])).code).toBe(roles.includes(roleOf(method)) ? "ok" : "permission_denied")
  const before = await recordsInLog()
  const event = { applicationId: victim["application_id"]!, type: "order.created", content: { case: "payload", value: Buffer.from("{}") } }
  const { code, text } = await open("a foreign sender", [{ event }])
  expect([code, text.includes("not_found"), text.includes(victim["application_id"]!)]).toEqual(["ok", true, false])
  expect(await recordsInLog()).toEqual(before)
})

test("the ingest address of a subscription takes the keys that may publish to its application, and no other", async () => {
  const path = `POST /v1/ingest/${victim["subscription_id"]}`
  const status = async (who: string) => (await gateway.ask(path, { key: tokens.get(who) ?? null, body: "{}" })).status
  const before = await recordsInLog()
  for (const who of STRANGERS) expect([who, await status(who)]).toEqual([who, 401])
  expect(await status("viewer")).toBe(403)
  for (const role of ["admin", "viewer", "sender"]) expect(await status(`a foreign ${role}`)).toBe(404)
  expect(await recordsInLog()).toEqual(before)
  for (const who of ["operator", "admin", "sender"]) expect(await status(who)).toBe(202)
})

test("every method of the contract was asked for at every door by everybody", () => {
  const everybody = [...STRANGERS, ...Object.keys(MAY), "a foreign admin", "a foreign viewer", "a foreign sender"]
  const expected = publicServices.flatMap(({ methods: own }) =>
    own.flatMap((method) => {
      if (method.methodKind !== "unary" && method.methodKind !== "server_streaming")
        return [...STRANGERS, ...Object.keys(MAY), "a foreign sender"].map((who) => `grpc ${methodName(method as never)} ${who}`)
      const routed = method as RoutedMethod
      const doors = [...DOORS, ...restRequests(routed, sampleRequest(routed, victim)).map((_, at) => `rest ${at}`)]
      return doors.flatMap((door) => everybody.map((who) => `${door} ${methodName(routed)} ${who}`))
    }),
  )
  expect(expected.length).toBeGreaterThan(12 * 4 * 30)
  expect([...asked].toSorted()).toEqual(expected.toSorted())
})

test("a gateway does not start with a method that declares no role", () => {
  const [health] = file_grpc_health_v1_health.services
  const method = health?.methods.find(({ methodKind }) => methodKind === "unary") as DescMethodUnary
  const entry = new Entry(
    { authenticate: async () => expect.fail(), authorize: () => undefined },
    { requestFinished: () => undefined, requestFailed: () => undefined },
  )
  const handlers = new Handlers().register(method, async () => create(method.output))
  expect(() => invokersOf(entry, handlers, [method])).toThrow("declares no required_role")
})
