import { EventEmitter } from "node:events"
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { Code } from "@connectrpc/connect"
import { type ClientDuplexStream, credentials, makeClientConstructor, Metadata, type ServiceError } from "@grpc/grpc-js"
import { limits, type PublishInput, refuse, type Refusal } from "@posthorn/core"
import { LogUnavailable } from "@posthorn/log"
import {
  PublishResponseSchema,
  PublishStreamRequestSchema,
  type PublishStreamResponse,
  PublishStreamResponseSchema,
  RetryInfoSchema,
  Role,
  StatusSchema,
} from "@posthorn/proto"
import { eventually } from "@posthorn/testkit"
import { afterEach, expect, test } from "vitest"
import type { Access, PublishPort } from "../call.ts"
import { openTestDoors, type TestDoors } from "./doors-under-test.ts"
import { Entry } from "./entry.ts"
import { publishStreamOf } from "./publish-stream.ts"

const Client = makeClientConstructor(
  {
    publishStream: {
      path: "/posthorn.v1.IngestService/PublishStream",
      requestStream: true,
      responseStream: true,
      requestSerialize: (bytes: Buffer) => bytes,
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (bytes: Buffer) => bytes,
      responseDeserialize: (bytes: Buffer) => fromBinary(PublishStreamResponseSchema, bytes),
    },
  },
  "Client",
)

type Stream = ClientDuplexStream<Buffer, PublishStreamResponse>

const closing: (() => void)[] = []
afterEach(() => closing.splice(0).forEach((close) => close()))

function openStream(doors: TestDoors, { key = "sender", deadline = Infinity } = {}) {
  const client = new Client(doors.grpcAddress, credentials.createInsecure())
  closing.push(() => client.close())
  const metadata = new Metadata()
  metadata.set("authorization", `Bearer ${key}`)
  const stream = client["publishStream"]?.call(client, metadata, { deadline }) as unknown as Stream
  const answers = new Map<bigint, PublishStreamResponse["result"]>()
  const ended = new Promise<ServiceError>((resolve) => {
    let failure: ServiceError | undefined
    stream.on("error", (error: ServiceError) => (failure = error))
    stream.on("status", (status: ServiceError) => resolve(failure ?? status))
  })
  const read = () => stream.on("data", ({ sequence, result }: PublishStreamResponse) => void answers.set(sequence, result))
  return { stream, answers, ended, read }
}

const message = (sequence: number, fields: { type?: string; idempotencyKey?: string; text?: string } = {}): Buffer => {
  const { type = "a.b", idempotencyKey = "", text = "1" } = fields
  const content = { case: "payload", value: Buffer.from(JSON.stringify(text)) } as const
  return Buffer.from(
    toBinary(
      PublishStreamRequestSchema,
      create(PublishStreamRequestSchema, { sequence: BigInt(sequence), event: { type, idempotencyKey, content } }),
    ),
  )
}

/** Publishing that answers when the test says so, and counts what it holds. */
function heldPort() {
  const waiting: (() => void)[] = []
  let bytes = 0
  let mostEvents = 0
  let mostBytes = 0
  const port: PublishPort = {
    publish: async (input: PublishInput) => {
      bytes += input.payload.length
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.push(resolve)
      mostEvents = Math.max(mostEvents, waiting.length)
      mostBytes = Math.max(mostBytes, bytes)
      await promise
      bytes -= input.payload.length
      return create(PublishResponseSchema, { id: input.idempotencyKey })
    },
    ingest: async () => refuse("internal", "Not asked."),
  }
  return {
    port,
    waiting,
    most: () => ({ events: mostEvents, bytes: mostBytes }),
    release: () => waiting.splice(0).forEach((resolve) => resolve()),
  }
}

test("20,000 events are each answered once, and no more than the bound are under way", async () => {
  const held = heldPort()
  await using doors = await openTestDoors({ publish: held.port })
  const { stream, answers, ended, read } = openStream(doors)
  read()
  const timer = setInterval(held.release, 1)
  for (let at = 0; at < 20_000; at++)
    if (!stream.write(message(at, { idempotencyKey: `k${at}` }))) await new Promise<void>((resolve) => void stream.once("drain", resolve))
  stream.end()
  expect((await ended).code).toBe(0)
  clearInterval(timer)
  expect(answers.size).toBe(20_000)
  for (const [sequence, result] of answers) expect(result.case === "accepted" && result.value.id).toBe(`k${sequence}`)
  expect(held.most().events).toBeLessThanOrEqual(limits.STREAM_EVENTS_MAX)
  expect(doors.finished).toMatchObject([{ method: "posthorn.v1.IngestService/PublishStream", code: "ok" }])
})

/** A stream in which everything is told by hand. */
class StreamByHand extends EventEmitter {
  readonly sent: (() => void)[] = []
  paused = false
  pause = () => Object.assign(this, { paused: true })
  resume = () => Object.assign(this, { paused: false })
  write = (_: PublishStreamResponse, sent: () => void) => this.sent.push(sent) > 0
}

test.each([
  ["events", "", limits.STREAM_EVENTS_MAX],
  ["bytes", "x".repeat(limits.STREAM_BYTES_MAX / 16), 16],
])("a stream is not read on while so many %s wait for their answers to be taken", async (_, text, count) => {
  const port: PublishPort = { publish: async () => create(PublishResponseSchema), ingest: async () => refuse("internal", "Not asked.") }
  const caller = { role: Role.OPERATOR, applicationId: undefined, keyId: "key_1" }
  const access: Access = { authenticate: async () => caller, authorize: () => undefined }
  const events = { requestFinished: () => undefined, requestFailed: () => undefined }
  const serve = publishStreamOf({ entry: new Entry(access, events), access, port, events })
  const stream = new StreamByHand()
  const arrival = { door: "grpc", requestId: "r", authorization: "", remoteAddress: "", ifMatch: undefined, tell: () => undefined } as const
  const ended = serve({ ...arrival, idempotencyKey: undefined, signal: AbortSignal.any([]) }, stream, AbortSignal.any([]))
  await eventually(() => stream.listenerCount("data") === 1)
  let given = 0
  for (; !stream.paused; given++) stream.emit("data", message(given, { text }))
  expect(given).toBe(count)
  await eventually(() => stream.sent.length === count)
  expect(stream.paused).toBe(true)
  stream.sent.shift()?.()
  expect(stream.paused).toBe(false)
  stream.emit("end")
  for (const sent of stream.sent) sent()
  expect(await ended).toBe("done")
})

test("what is refused, and what the log does not take, is answered for itself and the stream goes on", async () => {
  const publish = async ({ type }: PublishInput): Promise<Refusal | ReturnType<typeof accepted>> => {
    if (type === "no.log") throw new LogUnavailable("away", "refused")
    return type === "slow.down" ? refuse("resource_exhausted", "Too many.", { retryAfterSeconds: 7 }) : accepted()
  }
  const accepted = () => create(PublishResponseSchema, { id: "evt_1" })
  await using doors = await openTestDoors({ publish: { publish, ingest: async () => refuse("internal", "Not asked.") } })
  const { stream, answers, ended, read } = openStream(doors)
  read()
  for (const [at, type] of ["no.log", "slow.down", "a.b", "no.log"].entries()) stream.write(message(at, { type }))
  stream.write(Buffer.from(toBinary(PublishStreamRequestSchema, create(PublishStreamRequestSchema, { sequence: 4n }))))
  stream.end()
  expect((await ended).code).toBe(0)
  const codes = [0n, 1n, 2n, 3n, 4n].map((sequence) => {
    const result = answers.get(sequence)
    return result?.case === "refused" ? [result.value.code, result.value.retryAfterSeconds] : result?.case
  })
  expect(codes).toEqual([["unavailable", 1], ["resource_exhausted", 7], "accepted", ["unavailable", 1], ["invalid_argument", undefined]])
  expect(doors.failures.length).toBeGreaterThan(0)
})

test("a caller without a key or role, and a message that is none, end it with a status", async () => {
  await using doors = await openTestDoors()
  expect((await openStream(doors, { key: "nobody" }).ended).code).toBe(Code.Unauthenticated)
  expect((await openStream(doors, { key: "viewer" }).ended).code).toBe(Code.PermissionDenied)
  const broken = openStream(doors)
  broken.stream.write(Buffer.from([0x12, 0xff]))
  const status = await broken.ended
  expect([status.code, status.metadata.get("x-request-id").length]).toEqual([Code.InvalidArgument, 1])
})

test("a key that is revoked in the middle ends it, after what was taken is answered", async () => {
  const held = heldPort()
  let revoked = false
  const caller = { role: Role.OPERATOR, applicationId: undefined, keyId: "key_1" }
  const authenticate = async () => (revoked ? refuse("unauthenticated", "The API key is not valid.") : caller)
  await using doors = await openTestDoors({ publish: held.port, access: { authenticate, authorize: () => undefined } })
  const { stream, answers, ended, read } = openStream(doors)
  read()
  stream.write(message(1))
  await eventually(() => held.waiting.length === 1)
  revoked = true
  setTimeout(held.release, 2 * limits.STREAM_KEY_CHECK_MS)
  expect([(await ended).code, answers.size]).toEqual([Code.Unauthenticated, 1])
})

test("closing the gateway ends it as unavailable, after what was taken is answered", async () => {
  const held = heldPort()
  await using doors = await openTestDoors({ publish: held.port })
  const { stream, answers, ended, read } = openStream(doors)
  read()
  for (let at = 0; at < 10; at++) stream.write(message(at))
  await eventually(() => held.waiting.length === 10)
  const closed = doors.close()
  held.release()
  const status = await ended
  expect([status.code, answers.size]).toEqual([Code.Unavailable, 10])
  const [detail] = status.metadata.get("grpc-status-details-bin")
  const { details } = fromBinary(StatusSchema, detail as Buffer)
  expect(details.map(({ typeUrl }) => typeUrl)).toContain(`type.googleapis.com/${RetryInfoSchema.typeName}`)
  await closed
})

test.each(["cancel", "deadline"])("a %s ends it at once, whatever is under way", async (how) => {
  const held = heldPort()
  await using doors = await openTestDoors({ publish: held.port })
  const { stream, ended, read } = openStream(doors, how === "deadline" ? { deadline: Date.now() + 1000 } : {})
  read()
  stream.write(message(1))
  await eventually(() => held.waiting.length === 1)
  if (how === "cancel") stream.cancel()
  expect((await ended).code).toBe(how === "cancel" ? Code.Canceled : Code.DeadlineExceeded)
  await eventually(() => doors.finished.length === 1)
  held.release()
})

test.each([
  ["application/json", {}, (status: number, text: string) => expect([status, text]).toEqual([501, expect.stringContaining("gRPC port")])],
  ["application/connect+json", {}, (_: number, text: string) => expect(text).toMatch(/"code":"unimplemented".*gRPC port/)],
  ["application/grpc-web+proto", {}, (_: number, text: string) => expect(text).toContain("gRPC port")],
])("over HTTP/1.1 as %s it is said to be unimplemented, and where it is", async (type, _, judge) => {
  await using doors = await openTestDoors()
  const reply = await fetch(`${doors.url}/posthorn.v1.IngestService/PublishStream`, {
    method: "POST",
    headers: { authorization: "Bearer sender", "content-type": type },
    body: Buffer.alloc(5),
  })
  const text = await reply.text()
  judge(reply.status, decodeURIComponent(text.replace(/[^ -~]/g, "")))
  expect(reply.headers.get("x-request-id")).not.toBeNull()
})
