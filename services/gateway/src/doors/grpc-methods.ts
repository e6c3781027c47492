import { type DescMethod, type DescMethodBiDiStreaming, type DescService, fromBinary, type Message, toBinary } from "@bufbuild/protobuf"
import {
  Metadata,
  type MethodDefinition,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js"
import { isRefusal, refuse, type Refusal } from "@posthorn/core"
import { methodName } from "../call.ts"
import { grpcError } from "../error-boundary.ts"
import type { Arrival } from "./arrival.ts"
import type { Invoke, Invokers } from "./entry.ts"
import type { Feeds, ServeFeed } from "./feeds.ts"
import { GrpcArrival } from "./grpc-arrival.ts"
import type { ServeStream } from "./publish-stream.ts"

type UnaryCall = ServerUnaryCall<Buffer, Message>
type FeedCall = ServerWritableStream<Buffer, Message>
type StreamCall = ServerDuplexStream<Buffer, Message>

/** The methods of a service, none of which takes a stream and answers once, as grpc-js takes them. Requests stay bytes until their sender is known. */
export function grpcDefinition(methods: readonly DescMethod[]): Record<string, MethodDefinition<Buffer, Message>> {
  return Object.fromEntries(methods.map((method) => [method.name, definitionOf(method)]))
}

function definitionOf(method: DescMethod): MethodDefinition<Buffer, Message> {
  const requestStream = method.methodKind === "bidi_streaming"
  return {
    path: `/${methodName(method)}`,
    requestStream,
    responseStream: requestStream || method.methodKind === "server_streaming",
    requestSerialize: (bytes) => bytes,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: (message) => Buffer.from(toBinary(method.output, message)),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  }
}

/** What carries out the methods, and what it is told and tells of the server. */
export interface GrpcWork {
  readonly invokers: Invokers
  readonly feeds: Feeds
  readonly streams: Streams
  /** Aborted when the server takes nothing new any more. */
  readonly draining: AbortSignal
  /** Sees every call that is under way. */
  readonly track: (call: Promise<void>) => void
}

/** What serves each streaming method of the contract. */
export type Streams = ReadonlyMap<DescMethodBiDiStreaming, ServeStream>

export function grpcImplementation(
  service: DescService,
  { invokers, feeds, streams, draining, track }: GrpcWork,
): UntypedServiceImplementation {
  const unary = [...invokers].map(([method, invoke]) => ({
    method,
    serve: (call: UnaryCall, callback: sendUnaryData<Message>) =>
      track(answer(call, callback, (arrival) => invoke(arrival, () => decode(method, call.request)))),
  }))
  const feeding = [...feeds].map(([method, serve]) => ({
    method,
    serve: (call: FeedCall) => track(feed(call, serve, () => decode(method, call.request))),
  }))
  const streaming = [...streams].map(([method, serve]) => ({ method, serve: (call: StreamCall) => track(stream(call, serve, draining)) }))
  const own = [...unary, ...feeding, ...streaming].filter(({ method }) => method.parent === service)
  return Object.fromEntries(own.map(({ method, serve }) => [method.name, serve])) as UntypedServiceImplementation
}

async function feed(call: FeedCall, serve: ServeFeed, request: () => Message | Refusal): Promise<void> {
  const arrival = new GrpcArrival(call)
  const result = await serve(arrival, request, {
    open: () => {
      call.sendMetadata(arrival.told() ?? new Metadata())
      return true
    },
    // Calls back when the message has gone to the network, as far as the client takes it: one at a time is held for it.
    write: async (message) => new Promise((resolve) => call.write(message, () => resolve())),
  })
  endCall(call, arrival, result)
}

async function stream(call: StreamCall, serve: ServeStream, draining: AbortSignal): Promise<void> {
  const arrival = new GrpcArrival(call)
  endCall(call, arrival, await serve(arrival, call, draining))
}

function endCall(call: FeedCall | StreamCall, arrival: Arrival, result: "done" | Refusal): void {
  // The way to end a stream with a status.
  if (isRefusal(result)) call.emit("error", grpcError(result, arrival.requestId))
  else call.end(trailerOf(arrival))
}

async function answer(call: UnaryCall, callback: sendUnaryData<Message>, run: (arrival: Arrival) => ReturnType<Invoke>): Promise<void> {
  const arrival = new GrpcArrival(call)
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
