import { create, fromBinary } from "@bufbuild/protobuf"
import { isRefusal, limits, refuse, type Refusal } from "@posthorn/core"
import {
  IngestService,
  type PublishResponse,
  type PublishResult,
  type PublishStreamRequest,
  PublishStreamRequestSchema,
  type PublishStreamResponse,
  PublishStreamResponseSchema,
} from "@posthorn/proto"
import type { Access, Call, DoorEvents, PublishPort } from "../call.ts"
import { refusalOf } from "../error-boundary.ts"
import type { Arrival } from "./arrival.ts"
import { type Entry, operationOf } from "./entry.ts"
import { publishInputOf } from "./publish-input.ts"
import { resultOf } from "./publish-batch.ts"
import { requestRules } from "./request-rules.ts"

/** What a stream asks of the call that carries it: an object stream of encoded requests in, answers out. */
export interface EventStream {
  on(event: "data", listener: (bytes: Uint8Array) => void): this
  on(event: "end" | "cancelled", listener: () => void): this
  pause(): this
  resume(): this
  /** Calls back when the answer has gone to the network, as far as the client takes it. */
  write(response: PublishStreamResponse, sent: () => void): boolean
}

/** Serves one stream to its end, and answers how it ended. `draining` is aborted when the gateway shuts down. */
export type ServeStream = (arrival: Arrival, stream: EventStream, draining: AbortSignal) => Promise<"done" | Refusal>

export interface PublishStreamOptions {
  readonly entry: Entry
  readonly access: Access
  readonly port: PublishPort
  readonly events: DoorEvents
}

const OPERATION = operationOf(IngestService.method.publishStream)

export function publishStreamOf({ entry, access, port, events }: PublishStreamOptions): ServeStream {
  const violates = requestRules(PublishStreamRequestSchema)
  return (arrival, stream, draining) =>
    entry.enter(OPERATION, arrival, (call) => {
      // What is told beside an answer would have to be told of every event: each refusal says by itself when to come again.
      const own = Object.create(call, { tell: { value: () => undefined } }) as Call
      /** One fault of the log fails many events; it is told once. */
      let told: unknown
      const failed = (cause: unknown): Refusal => {
        if (cause !== told) events.requestFailed({ door: call.door, method: OPERATION.name, requestId: call.requestId, cause })
        told = cause
        return refusalOf(cause)
      }
      const publish = async (request: PublishStreamRequest): Promise<PublishResponse | Refusal> => {
        const input = violates(request) ?? (request.event ? publishInputOf(request.event) : undecodable())
        return isRefusal(input) ? input : port.publish(input, own)
      }
      const answer = async (request: PublishStreamRequest): Promise<PublishResult> => resultOf(await publish(request).catch(failed))
      const judgeKey = async (): Promise<Refusal | undefined> => {
        const caller = await access.authenticate(arrival.authorization, arrival.doorway)
        return isRefusal(caller) ? caller : access.authorize(OPERATION.role, caller)
      }
      return new PublishStream(stream, answer).run({ draining, judgeKey })
    })
}

const undecodable = (): Refusal => refuse("invalid_argument", `A message of the stream is not a ${PublishStreamRequestSchema.typeName}.`)

interface Ends {
  readonly draining: AbortSignal
  /** Why the caller may not go on. */
  readonly judgeKey: () => Promise<Refusal | undefined>
}

/** One stream: so many events are under way at most, from when they are read until their answers have left. */
class PublishStream {
  readonly #stream: EventStream
  readonly #answerTo: (request: PublishStreamRequest) => Promise<PublishResult>
  readonly #ended = Promise.withResolvers<"done" | Refusal>()
  #events = 0
  #bytes = 0
  /** What it ends with once nothing is under way. */
  #ending: "done" | Refusal | undefined

  constructor(stream: EventStream, answerTo: (request: PublishStreamRequest) => Promise<PublishResult>) {
    this.#stream = stream
    this.#answerTo = answerTo
  }

  async run({ draining, judgeKey }: Ends): Promise<"done" | Refusal> {
    const drain = (): void => this.#end(refuse("unavailable", "The gateway shuts down: open the stream again.", { retryAfterSeconds: 1 }))
    const check = async (): Promise<void> => {
      const refused = await judgeKey()
      if (refused !== undefined) this.#end(refused)
    }
    const timer = setInterval(() => void check(), limits.STREAM_KEY_CHECK_MS)
    draining.addEventListener("abort", drain)
    this.#stream
      .on("data", (bytes) => this.#take(bytes))
      .on("end", () => this.#end("done"))
      .on("cancelled", () => this.#ended.resolve(refuse("deadline_exceeded", "The caller went away, or the deadline passed.")))
    if (draining.aborted) drain()
    try {
      return await this.#ended.promise
    } finally {
      clearInterval(timer)
      draining.removeEventListener("abort", drain)
    }
  }

  #take(bytes: Uint8Array): void {
    const request = decode(bytes)
    if (isRefusal(request)) return this.#end(request)
    this.#events++
    this.#bytes += bytes.length
    if (this.#isFull()) this.#stream.pause()
    void this.#answer(request, bytes.length)
  }

  async #answer(request: PublishStreamRequest, size: number): Promise<void> {
    const { result } = await this.#answerTo(request)
    this.#stream.write(create(PublishStreamResponseSchema, { sequence: request.sequence, result }), () => this.#release(size))
  }

  #release(size: number): void {
    this.#events--
    this.#bytes -= size
    if (this.#ending === undefined && !this.#isFull()) this.#stream.resume()
    this.#settle()
  }

  /** Reads nothing more; what was taken is answered first. */
  #end(ending: "done" | Refusal): void {
    this.#ending ??= ending
    this.#stream.pause()
    this.#settle()
  }

  #settle(): void {
    if (this.#ending !== undefined && this.#events === 0) this.#ended.resolve(this.#ending)
  }

  #isFull(): boolean {
    return this.#events >= limits.STREAM_EVENTS_MAX || this.#bytes >= limits.STREAM_BYTES_MAX
  }
}

function decode(bytes: Uint8Array): PublishStreamRequest | Refusal {
  try {
    return fromBinary(PublishStreamRequestSchema, bytes)
  } catch {
    return undecodable() // Its own message would name positions in our decoder.
  }
}
