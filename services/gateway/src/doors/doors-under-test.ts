/** Doors on free ports of the loopback with handlers that answer what a test tells them, and remember what they were asked. */
import { type Agent, type ClientRequest, request as httpRequest } from "node:http"
import { create, type Message } from "@bufbuild/protobuf"
import { type PublishInput, refuse, type Refusal } from "@posthorn/core"
import { IngestService, PublishResponseSchema, Role } from "@posthorn/proto"
import { type Access, type Call, type DoorEvents, type FeedKind, Handlers, type IngestInput, methodName } from "../call.ts"
import { openDoors, type DoorsOptions } from "./doors.ts"
import { assertDocumented } from "../openapi/documented-under-test.ts"
import { publicFeeds, publicMethods } from "./methods.ts"

/** Keys that the fake access control knows. */
export const KEYS: Readonly<Record<string, Role>> = { operator: Role.OPERATOR, admin: Role.ADMIN, viewer: Role.VIEWER, sender: Role.SENDER }

export interface Asked {
  readonly method: string
  readonly request: Message
  readonly call: Call
}

export type Answer = (request: Message, call: Call) => Promise<Message | Refusal> | Message | Refusal

export type FeedAnswer = (request: Message, call: Call) => AsyncIterable<Message | Refusal> | Refusal

export interface TestDoors extends AsyncDisposable {
  readonly url: string
  readonly grpcAddress: string
  /** By method name (`CreateKey`); a method without one answers its empty response. */
  readonly answers: Map<string, Answer>
  /** By method name, of those that answer with a stream; one without an entry answers none. */
  readonly feeds: Map<string, FeedAnswer>
  /** How many streams are open, by kind. */
  readonly openFeeds: ReadonlyMap<FeedKind, number>
  readonly asked: Asked[]
  readonly published: PublishInput[]
  readonly ingested: IngestInput[]
  /** How many requests were asked who they are. */
  readonly authenticated: number
  readonly finished: Parameters<DoorEvents["requestFinished"]>[0][]
  readonly failures: Parameters<DoorEvents["requestFailed"]>[0][]
  close(): Promise<void>
  /** A REST request with the operator's key unless `headers` say otherwise. */
  rest(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<RestReply>
}

export interface RestReply {
  readonly status: number
  readonly headers: Headers
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into whatever came
  readonly json: any
}

export async function openTestDoors(options: Partial<DoorsOptions> = {}): Promise<TestDoors> {
  const answers = new Map<string, Answer>()
  const feeds = new Map<string, FeedAnswer>()
  const openFeeds = new Map<FeedKind, number>()
  let authenticated = 0
  const seen = {
    asked: [] as Asked[],
    published: [] as PublishInput[],
    ingested: [] as IngestInput[],
    finished: [] as TestDoors["finished"],
    failures: [] as TestDoors["failures"],
  }
  const doors = await openDoors({
    host: "127.0.0.1",
    httpPort: 0,
    grpcPort: 0,
    corsOrigins: [],
    graceMs: 0,
    access: { ...access, authenticate: (authorization) => (authenticated++, access.authenticate(authorization)) },
    handlers: handlersOf({ answers, feeds, asked: seen.asked }),
    publish: {
      publish: async (input) => {
        seen.published.push(input)
        return input.type === "refuse.me"
          ? refuse("invalid_argument", "No.", { details: [{ field: "type", reason: "is refused" }] })
          : create(PublishResponseSchema, { id: `evt_${seen.published.length}` })
      },
      ingest: async (input) => {
        seen.ingested.push(input)
        return { eventId: "evt_1", deliveryId: "dlv_1" }
      },
    },
    events: {
      requestFinished: (facts) => seen.finished.push(facts),
      requestFailed: (facts) => seen.failures.push(facts),
      feedsOpen: (kind, count) => openFeeds.set(kind, count),
    },
    probes: {
      health: async () => ({ serving: true, body: { status: "ok" } }),
      ready: () => true,
      metrics: async () => ({ contentType: "text/plain", body: "posthorn_up 1\n" }),
    },
    ...options,
  })
  const url = `http://127.0.0.1:${doors.httpPort}`
  const close = once(() => doors.close())
  return {
    url,
    grpcAddress: `127.0.0.1:${doors.grpcPort}`,
    answers,
    feeds,
    openFeeds,
    ...seen,
    get authenticated() {
      return authenticated
    },
    close,
    rest: (...request) => rest(url, ...request),
    [Symbol.asyncDispose]: close,
  }
}

const access: Access = {
  authenticate: async (authorization) => {
    const role = KEYS[authorization?.replace("Bearer ", "") ?? ""]
    if (role === undefined) return refuse("unauthenticated", "Send a key.")
    return { role, applicationId: role === Role.OPERATOR ? undefined : "app_1", keyId: "key_1" }
  },
  authorize: (required, { role }) =>
    role <= required && (role !== Role.VIEWER || required === Role.VIEWER) ? undefined : refuse("permission_denied", "Not with this key."),
}

interface Answering {
  readonly answers: ReadonlyMap<string, Answer>
  readonly feeds: ReadonlyMap<string, FeedAnswer>
  readonly asked: Asked[]
}

async function* nothing(): AsyncGenerator<never> {}

function handlersOf({ answers, feeds, asked }: Answering): Handlers {
  const handlers = new Handlers()
  for (const method of publicFeeds) {
    handlers.registerFeed(method, method.name.startsWith("Watch") ? "watch" : "export", async (request, call) => {
      asked.push({ method: methodName(method), request, call })
      return feeds.get(method.name)?.(request, call) ?? nothing()
    })
  }
  for (const method of publicMethods.filter(({ parent }) => parent !== IngestService)) {
    handlers.register(method, async (request, call) => {
      asked.push({ method: methodName(method), request, call })
      return (
        answers.get(method.name)?.(request, call) ??
        create(
          method.output,
          Object.fromEntries(
            method.output.fields.filter(({ fieldKind }) => fieldKind === "message").map(({ localName }) => [localName, {}]),
          ),
        )
      )
    })
  }
  return handlers
}

async function rest(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<RestReply> {
  const text = body === undefined || typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body)
  const type = text === undefined ? {} : { "content-type": "application/json" }
  const reply = await fetch(url + path, {
    method,
    headers: { authorization: "Bearer operator", ...type, ...headers },
    ...(text === undefined ? {} : { body: text as string }),
  })
  const answered = await reply.text()
  const { status } = reply
  const contentType = reply.headers.get("content-type")
  const json: unknown = contentType === "application/json" ? JSON.parse(answered) : answered
  assertDocumented({ method, path: new URL(reply.url).pathname, status, contentType, body: json }, "made")
  return { status, headers: reply.headers, json }
}

/** A request whose body stays open, for what happens before it ends. */
export function openRequest(url: string, headers: Readonly<Record<string, string>>, agent?: Agent): ClientRequest {
  return httpRequest(url, {
    method: "POST",
    headers: { authorization: "Bearer operator", ...headers },
    ...(agent === undefined ? {} : { agent }),
  })
}

function once<T>(run: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return () => (result ??= run())
}
