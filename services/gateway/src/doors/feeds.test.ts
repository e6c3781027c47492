import { type IncomingMessage, request as httpRequest, type RequestOptions } from "node:http"
import { setTimeout as wait } from "node:timers/promises"
import { create, type Message } from "@bufbuild/protobuf"
import { createClient, ConnectError } from "@connectrpc/connect"
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node"
import { refuse, type Refusal } from "@posthorn/core"
import {
  DeliveryService,
  EventService,
  ExportEventsResponseSchema,
  RequestInfoSchema,
  WatchDeliveriesResponseSchema,
  type ExportEventsResponse,
  type WatchDeliveriesResponse,
} from "@posthorn/proto"
import { eventually } from "@posthorn/testkit"
import { StoreUnavailable } from "@posthorn/store"
import { expect, onTestFinished, test } from "vitest"
import type { Call } from "../call.ts"
import { openTestDoors, type TestDoors } from "./doors-under-test.ts"
import type { DoorsOptions } from "./doors.ts"

const transports = {
  grpc: (doors: TestDoors) => createGrpcTransport({ baseUrl: `http://${doors.grpcAddress}` }),
  "grpc-web": ({ url }: TestDoors) => createGrpcWebTransport({ baseUrl: url, httpVersion: "1.1" }),
  "connect, binary": ({ url }: TestDoors) => createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: true }),
  "connect, JSON": ({ url }: TestDoors) => createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: false }),
}
const DOORS = [...Object.keys(transports), "ndjson", "server-sent events"] as const

interface Received {
  readonly ids: string[]
  /** `ok`, or a code in lower snake case. */
  readonly code: string
  readonly message: string
  readonly requestId: string | undefined
}

interface Asked {
  readonly key?: string
  readonly search?: string
  readonly signal?: AbortSignal
}

async function opened(options: Partial<DoorsOptions> = {}): Promise<TestDoors> {
  const doors = await openTestDoors(options)
  onTestFinished(() => doors.close())
  return doors
}

const rowOf = (id: string, pageToken = ""): ExportEventsResponse => create(ExportEventsResponseSchema, { pageToken, event: { id } })

/** Reads an export of events to its end. */
async function receive(doors: TestDoors, door: string, asked: Asked = {}): Promise<Received> {
  const { key = "viewer", search = "", signal } = asked
  const make = transports[door as keyof typeof transports]
  if (make === undefined) return receiveRest(doors, door === "ndjson" ? "*/*" : "text/event-stream", asked)
  const ids: string[] = []
  const options = { headers: { authorization: `Bearer ${key}` }, ...(signal === undefined ? {} : { signal }) }
  try {
    for await (const { event } of createClient(EventService, make(doors)).exportEvents({ search }, options)) ids.push(event?.id ?? "")
    return { ids, code: "ok", message: "", requestId: undefined }
  } catch (thrown) {
    const error = ConnectError.from(thrown)
    const code = error.message.slice(1, error.message.indexOf("]"))
    return { ids, code, message: error.rawMessage, requestId: error.findDetails(RequestInfoSchema)[0]?.requestId }
  }
}

async function receiveRest(doors: TestDoors, accept: string, { key = "viewer", search = "", signal }: Asked): Promise<Received> {
  const path = `/v1/events:export?search=${encodeURIComponent(search)}`
  const headers = { authorization: `Bearer ${key}`, accept }
  const response = await fetch(doors.url + path, { headers, ...(signal === undefined ? {} : { signal }) })
  const text = await response.text()
  const lines = text.split("\n").filter((line) => (accept === "*/*" ? line !== "" : line.startsWith('data: {"')))
  const objects = response.status === 200 ? lines.map((line) => JSON.parse(line.replace(/^data: /, ""))) : [{ error: JSON.parse(text) }]
  const last = objects.at(-1)?.error
  const ids = objects.flatMap(({ event }) => (event === undefined ? [] : [event.id]))
  return { ids, code: last?.code ?? "ok", message: last?.message ?? "", requestId: last?.requestId }
}

async function* rows(...items: readonly (string | Refusal | Error)[]): AsyncGenerator<Message | Refusal> {
  for (const item of items) {
    if (item instanceof Error) throw item
    yield typeof item === "string" ? rowOf(item) : item
  }
}

/** Yields for as long as it is wanted, and notes how far it came and whether it was let go. */
function endless(more: { readonly padding?: string } = {}) {
  const made = { count: 0, over: false }
  const feed = async function* feed(_: Message, { signal }: Call): AsyncGenerator<Message> {
    try {
      while (!signal.aborted) {
        yield create(ExportEventsResponseSchema, { event: { id: `${++made.count}`, idempotencyKey: more.padding ?? "" } })
        await wait(0)
      }
    } finally {
      made.over = true
    }
  }
  return { made, feed }
}

test.each(DOORS)("%s: messages come in order, to their end", async (door) => {
  const doors = await opened()
  const ids = Array.from({ length: 500 }, (_, at) => `evt_${at}`)
  doors.feeds.set("ExportEvents", () => rows(...ids))
  expect(await receive(doors, door)).toMatchObject({ ids, code: "ok" })
  expect(doors.finished).toMatchObject([{ method: "posthorn.v1.EventService/ExportEvents", code: "ok" }])
  doors.feeds.set("ExportEvents", () => rows())
  expect(await receive(doors, door)).toMatchObject({ ids: [], code: "ok" })
  expect(doors.openFeeds.get("export")).toBe(0)
})

test.each(DOORS)("%s: what is refused before the first message is answered as every refusal", async (door) => {
  const doors = await opened()
  expect(await receive(doors, door, { key: "nobody" })).toMatchObject({ code: "unauthenticated" })
  expect(await receive(doors, door, { key: "sender" })).toMatchObject({ code: "permission_denied" })
  expect(await receive(doors, door, { search: "x".repeat(301) })).toMatchObject({ code: "invalid_argument" })
  expect(doors.asked).toEqual([])
  doors.feeds.set("ExportEvents", () => refuse("not_found", "No such application."))
  const refused = await receive(doors, door)
  expect(refused).toMatchObject({ ids: [], code: "not_found", message: "No such application." })
  expect(refused.requestId).toMatch(/^[\w-]{36}$/)
})

test.each(DOORS)("%s: what goes wrong after the first message is told after the last", async (door) => {
  const doors = await opened()
  doors.feeds.set("ExportEvents", () => rows("evt_1", refuse("not_found", "It is gone."), "evt_2"))
  expect(await receive(doors, door)).toMatchObject({ ids: ["evt_1"], code: "not_found", message: "It is gone." })
  doors.feeds.set("ExportEvents", () => rows("evt_1", new StoreUnavailable("hunter2")))
  const broken = await receive(doors, door)
  expect(broken).toMatchObject({ ids: ["evt_1"], code: "unavailable" })
  expect(broken.message).not.toContain("hunter2")
  expect(broken.requestId).toBe(doors.failures[0]?.requestId)
})

test.each(DOORS)("%s: a client that goes away ends what is done for it", async (door) => {
  const doors = await opened()
  const { made, feed } = endless()
  doors.feeds.set("ExportEvents", feed)
  const client = new AbortController()
  const reading = receive(doors, door, { signal: client.signal }).catch(() => undefined)
  await eventually(() => expect(made.count).toBeGreaterThan(20))
  client.abort()
  await reading
  await eventually(() => expect([made.over, doors.openFeeds.get("export")]).toEqual([true, 0]))
})

test.each(DOORS)("%s: a key that is revoked ends its stream, and so does the end of the gateway", async (door) => {
  let revoked = false
  const caller = { role: 3, applicationId: "app_1", keyId: "key_1" } as const
  const access: DoorsOptions["access"] = {
    authenticate: async () => (revoked ? refuse("unauthenticated", "The API key is not valid.") : caller),
    authorize: () => undefined,
  }
  const doors = await opened({ access, feeds: { checkMs: 20 } })
  const { made, feed } = endless()
  doors.feeds.set("ExportEvents", feed)
  const reading = receive(doors, door)
  await eventually(() => expect(made.count).toBeGreaterThan(20))
  revoked = true
  expect(await reading).toMatchObject({ code: "unauthenticated" })
  revoked = false
  const drained = receive(doors, door)
  await eventually(() => expect(doors.openFeeds.get("export")).toBe(1))
  await doors.close()
  expect(await drained).toMatchObject({ code: "unavailable", message: expect.stringContaining("go on from the last") as string })
})

test("a stream goes on for longer than a request may take to arrive", async () => {
  const doors = await opened({ requestTimeoutMs: 100 })
  const ids = Array.from({ length: 30 }, (_, at) => `evt_${at}`)
  doors.feeds.set("ExportEvents", async function* slowly() {
    for (const id of ids) {
      yield rowOf(id)
      await wait(100)
    }
  })
  expect(await receive(doors, "ndjson")).toMatchObject({ ids, code: "ok" })
})

test("so many streams may be open of a key and an application, and all together", async () => {
  const bounds = { export: { perKey: 2, perApplication: 3, together: 4 }, watch: { perKey: 1, perApplication: 1, together: 1 } }
  const access: DoorsOptions["access"] = {
    authenticate: async (authorization) => {
      const [, applicationId, keyId = ""] = /^Bearer (\w*)\/(\w+)$/.exec(authorization ?? "") ?? []
      return { role: 3, applicationId: applicationId === "" ? undefined : applicationId, keyId }
    },
    authorize: () => undefined,
  }
  const doors = await opened({ access, feeds: { bounds } })
  doors.feeds.set("ExportEvents", endless().feed)
  const clients: IncomingMessage[] = []
  const open = async (key: string): Promise<number | undefined> => {
    const response = await answerTo(`${doors.url}/v1/events:export`, { headers: { authorization: `Bearer ${key}` } })
    clients.push(response)
    return response.statusCode
  }
  expect([await open("a/1"), await open("a/1"), await open("a/1")]).toEqual([200, 200, 429])
  expect([await open("a/2"), await open("a/2")]).toEqual([200, 429])
  expect([await open("/operator"), await open("b/3")]).toEqual([200, 429])
  expect(doors.openFeeds.get("export")).toBe(4)
  for (const client of clients) client.destroy()
  await eventually(() => expect(doors.openFeeds.get("export")).toBe(0))
  expect(await open("a/1")).toBe(200)
  clients.at(-1)?.destroy()
})

test.each(["ndjson", "connect", "grpc"])("%s: what a client does not read is not made, and after a while it is closed", async (door) => {
  const doors = await opened({ feeds: { stallMs: 1000 } })
  const { made, feed } = endless({ padding: "x".repeat(10_000) })
  doors.feeds.set("ExportEvents", feed)
  onTestFinished(await unread(doors, door))
  await eventually(() => expect(doors.finished).toMatchObject([{ code: "resource_exhausted" }]))
  expect(made.over).toBe(true)
  // Of 10 kB each: what the sockets of both sides hold, and a little.
  expect(made.count).toBeLessThan(2000)
  expect(doors.openFeeds.get("export")).toBe(0)
})

/** An answer that nobody reads; a `fetch` would read a part of it, and close it when nobody holds it. */
async function answerTo(url: string, options: RequestOptions, body = Buffer.alloc(0)): Promise<IncomingMessage> {
  const { promise, resolve } = Promise.withResolvers<IncomingMessage>()
  httpRequest(url, { ...options, agent: false }, resolve).end(body)
  return promise
}

/** Opens an export, and reads nothing of it, or as little as the client lets one. Answers how to close it. */
async function unread({ url, grpcAddress }: TestDoors, door: string): Promise<() => void> {
  const headers = { authorization: "Bearer viewer" }
  if (door === "grpc") {
    const client = new AbortController()
    const transport = createGrpcTransport({ baseUrl: `http://${grpcAddress}` })
    await createClient(EventService, transport).exportEvents({}, { headers, signal: client.signal })[Symbol.asyncIterator]().next()
    return () => client.abort()
  }
  const connect = { method: "POST", headers: { ...headers, "content-type": "application/connect+json" } }
  const response = await (door === "ndjson"
    ? answerTo(`${url}/v1/events:export`, { headers })
    : answerTo(`${url}/posthorn.v1.EventService/ExportEvents`, connect, Buffer.from([0, 0, 0, 0, 2, ...Buffer.from("{}")])))
  return () => response.destroy()
}

test("server-sent events have ids to go on from, and no text of anybody can end one", async () => {
  const doors = await opened()
  const nasty = 'a\n\ndata: {"event":"forged"}\r\nid: 9\r\u2028\u2029\u0085'
  doors.feeds.set("WatchDeliveries", async function* changes(): AsyncGenerator<WatchDeliveriesResponse> {
    yield create(WatchDeliveriesResponseSchema, { cursor: "c1" })
    const delivery = { id: "dlv_1", reason: nasty }
    yield create(WatchDeliveriesResponseSchema, { cursor: "c2", content: { case: "change", value: { delivery } } })
  })
  const reply = await doors.rest("GET", "/v1/deliveries:watch?type=a", undefined, { accept: "text/event-stream" })
  expect(reply.headers.get("content-type")).toBe("text/event-stream")
  expect([reply.headers.get("cache-control"), reply.headers.get("x-accel-buffering")]).toEqual(["no-store", "no"])
  const blocks = (reply.json as string).split("\n\n")
  expect(blocks.slice(0, 2)).toEqual(["retry: 2000", ":\nid: c1"])
  const [id, data, ...rest] = blocks[2]!.split("\n")
  expect([id, rest]).toEqual(["id: c2", []])
  expect(JSON.parse(data!.replace("data: ", ""))).toMatchObject({ cursor: "c2", change: { delivery: { id: "dlv_1", reason: nasty } } })
  expect(blocks.slice(3)).toEqual(["event: end\ndata: {}", ""])
})

test("a browser goes on by the header Last-Event-ID, whatever its address says", async () => {
  const doors = await opened()
  const watch = (query: string, last: string) => doors.rest("GET", `/v1/deliveries:watch?${query}`, undefined, { "last-event-id": last })
  await watch("cursor=c1&type=a", "c2")
  await watch("cursor=c1", "")
  await doors.rest("GET", "/v1/events:export?page_token=p1", undefined, { "last-event-id": "p2" })
  expect(doors.asked.map(({ request }) => request)).toMatchObject([{ cursor: "c2", type: "a" }, { cursor: "c1" }, { pageToken: "p2" }])
})

test("lines show rows as lists do, and HEAD has none", async () => {
  const doors = await opened()
  doors.feeds.set("ExportEvents", () => rows("evt_1"))
  const { json, headers } = await doors.rest("GET", "/v1/events:export")
  expect(headers.get("content-type")).toBe("application/x-ndjson")
  expect(Object.keys(JSON.parse(json as string).event)).not.toContain("deliveries")
  const head = await doors.rest("HEAD", "/v1/events:export")
  expect([head.status, head.headers.get("content-type"), head.json]).toEqual([200, "application/x-ndjson", ""])
  await eventually(() => expect(doors.openFeeds.get("export")).toBe(0))
})

test("a client of a newer contract learns that a live stream is open before anything happens", async () => {
  const doors = await opened()
  doors.feeds.set("WatchDeliveries", async function* silent(_, { signal }): AsyncGenerator<Message> {
    yield create(WatchDeliveriesResponseSchema, { cursor: "c1" })
    await new Promise((resolve) => signal.addEventListener("abort", resolve))
  })
  for (const make of Object.values(transports)) {
    const client = new AbortController()
    const options = { headers: { authorization: "Bearer viewer" }, signal: client.signal }
    const messages = createClient(DeliveryService, make(doors)).watchDeliveries({}, options)[Symbol.asyncIterator]()
    expect((await messages.next()).value).toMatchObject({ cursor: "c1" })
    client.abort()
    await expect(messages.next()).rejects.toThrow("canceled")
  }
  await eventually(() => expect(doors.openFeeds.get("watch")).toBe(0))
})
