import { type DescMethodUnary, type DescService, fromBinary, type Message, toBinary } from "@bufbuild/protobuf"
import { Metadata, type MethodDefinition, type sendUnaryData, type ServerUnaryCall, type UntypedServiceImplementation } from "@grpc/grpc-js"
import { isRefusal, refuse, type Refusal } from "@posthorn/core"
import { methodName } from "../call.ts"
import { grpcError } from "../error-boundary.ts"
import { type Arrival, requestIdOf } from "./arrival.ts"
import type { Invoke, Invokers } from "./entry.ts"
import { publicMethods } from "./methods.ts"

type UnaryCall = ServerUnaryCall<Buffer, Message>

/** A service as grpc-js takes it. Requests stay bytes until their sender is known. */
export function grpcDefinition(service: DescService): Record<string, MethodDefinition<Buffer, Message>> {
  return Object.fromEntries(
    publicMethods.filter((method) => method.parent === service).map((method) => [method.name, definitionOf(method)]),
  )
}

function definitionOf(method: DescMethodUnary): MethodDefinition<Buffer, Message> {
  return {
    path: `/${methodName(method)}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes) => bytes,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: (message) => Buffer.from(toBinary(method.output, message)),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  }
}

/** `track` sees every call that is under way. */
export function grpcImplementation(
  service: DescService,
  invokers: Invokers,
  track: (call: Promise<void>) => void,
): UntypedServiceImplementation {
  const own = [...invokers].filter(([method]) => method.parent === service)
  return Object.fromEntries(
    own.map(([method, invoke]) => [
      method.name,
      (call: UnaryCall, callback: sendUnaryData<Message>) =>
        track(answer(call, callback, (arrival) => invoke(arrival, () => decode(method, call.request)))),
    ]),
  )
}

async function answer(call: UnaryCall, callback: sendUnaryData<Message>, run: (arrival: Arrival) => ReturnType<Invoke>): Promise<void> {
  const arrival = arrivalOf(call)
  const result = await run(arrival)
  if (isRefusal(result)) return callback(grpcError(result, arrival.requestId))
  const trailer = new Metadata()
  trailer.set("x-request-id", arrival.requestId)
  callback(null, result, trailer)
}

function decode(method: DescMethodUnary, bytes: Buffer): Message | Refusal {
  try {
    return fromBinary(method.input, bytes)
  } catch {
    return refuse("invalid_argument", `The request is not a ${method.input.typeName}.`) // Its own message would name positions in our decoder.
  }
}

function arrivalOf(call: UnaryCall): Arrival {
  const text = (name: string): string | undefined => call.metadata.get(name)[0]?.toString()
  let abort: AbortController | undefined
  return {
    door: "grpc",
    requestId: requestIdOf(text("x-request-id")),
    authorization: text("authorization"),
    get remoteAddress() {
      return call.getPeer().replace(/:\d+$/, "")
    },
    ifMatch: undefined,
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
