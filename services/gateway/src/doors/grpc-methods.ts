import { type DescMethod, type DescMethodBiDiStreaming, type DescService, fromBinary, type Message, toBinary } from "@bufbuild/protobuf"
import {
  Metadata,
  type MethodDefinition,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js"
import { isRefusal, refuse, type Refusal } from "@posthorn/core"
import { methodName } from "../call.ts"
import { grpcError } from "../error-boundary.ts"
import { type Arrival, requestIdOf } from "./arrival.ts"
import type { Invoke, Invokers } from "./entry.ts"
import type { ServeStream } from "./publish-stream.ts"

type UnaryCall = ServerUnaryCall<Buffer, Message>
type StreamCall = ServerDuplexStream<Buffer, Message>

/** The methods of a service, none of which streams in one direction alone, as grpc-js takes them. Requests stay bytes until their sender is known. */
export function grpcDefinition(methods: readonly DescMethod[]): Record<string, MethodDefinition<Buffer, Message>> {
  return Object.fromEntries(methods.map((method) => [method.name, definitionOf(method)]))
}

function definitionOf(method: DescMethod): MethodDefinition<Buffer, Message> {
  const streams = method.methodKind === "bidi_streaming"
  return {
    path: `/${methodName(method)}`,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: (bytes) => bytes,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: (message) => Buffer.from(toBinary(method.output, message)),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  }
}

/** What carries out the methods, and what it is told and tells of the server. */
export interface GrpcWork {
  readonly invokers: Invokers
  readonly streams: Streams
  /** Aborted when the server takes nothing new any more. */
  readonly draining: AbortSignal
  /** Sees every call that is under way. */
  readonly track: (call: Promise<void>) => void
}

/** What serves each streaming method of the contract. */
export type Streams = ReadonlyMap<DescMethodBiDiStreaming, ServeStream>

export function grpcImplementation(service: DescService, { invokers, streams, draining, track }: GrpcWork): UntypedServiceImplementation {
  const unary = [...invokers].map(([method, invoke]) => ({
    method,
    serve: (call: UnaryCall, callback: sendUnaryData<Message>) =>
      track(answer(call, callback, (arrival) => invoke(arrival, () => decode(method, call.request)))),
  }))
  const streaming = [...streams].map(([method, serve]) => ({ method, serve: (call: StreamCall) => track(stream(call, serve, draining)) }))
  const own = [...unary, ...streaming].filter(({ method }) => method.parent === service)
  return Object.fromEntries(own.map(({ method, serve }) => [method.name, serve])) as UntypedServiceImplementation
}

async function stream(call: StreamCall, serve: ServeStream, draining: AbortSignal): Promise<void> {
  const arrival = arrivalOf(call)
  const result = await serve(arrival, call, draining)
  // The way to end a stream with a status.
  if (isRefusal(result)) call.emit("error", grpcError(result, arrival.requestId))
  else call.end(trailerOf(arrival))
}

async function answer(call: UnaryCall, callback: sendUnaryData<Message>, run: (arrival: Arrival) => ReturnType<Invoke>): Promise<void> {
  const arrival = arrivalOf(call)
  const result = await run(arrival)
  const told = arrival.told()
  if (told !== undefined) call.sendMetadata(told)
  if (isRefusal(result)) callback(grpcError(result, arrival.requestId))
  else callback(null, result, trailerOf(arrival))
}

function trailerOf({ requestId }: Arrival): Metadata {
  const trailer = new Metadata()
  trailer.set("x-request-id", requestId)
  return trailer
}

export function decode(method: DescMethod, bytes: Buffer): Message | Refusal {
  try {
    return fromBinary(method.input, bytes)
  } catch {
    return refuse("invalid_argument", `The request is not a ${method.input.typeName}.`) // Its own message would name positions in our decoder.
  }
}

function arrivalOf(call: UnaryCall | StreamCall): Arrival & { readonly told: () => Metadata | undefined } {
  const text = (name: string): string | undefined => call.metadata.get(name)[0]?.toString()
  let abort: AbortController | undefined
  let told: Metadata | undefined
  return {
    door: "grpc",
    requestId: requestIdOf(text("x-request-id")),
    authorization: text("authorization"),
    idempotencyKey: text("idempotency-key"),
    get remoteAddress() {
      return call.getPeer().replace(/:\d+$/, "")
    },
    ifMatch: undefined,
    tell: (name, value) => (told ??= new Metadata()).set(name, value),
    told: () => told,
    get signal() {
      if (abort === undefined) {
        const made = (abort = new AbortController())
        call.once("cancelled", () => made.abort())
        if (call.cancelled) made.abort()
      }
      return abort.signal
    },
  }
}
