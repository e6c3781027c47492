import type { DescMethod, Message } from "@bufbuild/protobuf"
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ConnectRouterOptions,
  type ContextValues,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect"
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node"
import type { UniversalHandler } from "@connectrpc/connect/protocol"
import { codeToHttpStatus, errorToJson } from "@connectrpc/connect/protocol-connect"
import { assert, isRefusal, limits, refuse } from "@posthorn/core"
import { methodName } from "../call.ts"
import { connectError } from "../error-boundary.ts"
import type { Arrival } from "./arrival.ts"
import { readBody } from "./body.ts"
import type { Invoke, Invokers } from "./entry.ts"
import { type Exchange, type HttpDoor, SECURITY_HEADERS } from "./exchange.ts"
import type { Feeds } from "./feeds.ts"
import { HandOver } from "./hand-over.ts"
import { type JsonBody, readJsonObject } from "./json-body.ts"
import { publicStreams } from "./methods.ts"

const STREAM_MESSAGE = "Streams in both directions need HTTP/2: they are served on the gRPC port alone."

/** A path that names a method, as no other path does. */
const METHOD_PATH = /^\/\w+(\.\w+)+\/\w+$/

/** A client of a newer contract must not take a method that is missing here for a thing that is missing. gRPC-Web learns it from the status alone. */
function refuseMethod(exchange: Exchange): true {
  const error = new ConnectError("There is no such method.", Code.Unimplemented)
  if (isGrpcWeb(exchange)) exchange.send(404, {}, "")
  else exchange.sendJson(404, errorToJson(error, undefined))
  return true
}

const isGrpcWeb = ({ request }: Exchange): boolean => request.headers["content-type"]?.startsWith("application/grpc-web") === true

async function refuseStream(): Promise<never> {
  throw new ConnectError(STREAM_MESSAGE, Code.Unimplemented)
}

const pathOf = (method: DescMethod): string => `/${methodName(method)}`

/** The protocols of Connect and gRPC-Web for every method of the contract, over HTTP/1.1. Its JSON is protobuf's own: enums by their full names. */
export function connectDoor(invokers: Invokers, feeds: Feeds): HttpDoor {
  return routerDoor(routerOf(invokers, feeds), invokers)
}

/** A router with its unary methods' invokers, which are asked how to refuse JSON that cannot be read. */
export function routerDoor(router: ConnectRouter, invokers: Invokers): HttpDoor {
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]))
  const unary = new Map([...invokers].map(([method, invoke]) => [pathOf(method), invoke]))
  const bidirectional = new Set(publicStreams.map(pathOf))
  return (exchange) => {
    const { path, request, response } = exchange
    const handler = handlers.get(path)
    if (handler === undefined) return METHOD_PATH.test(path) && refuseMethod(exchange)
    const invoke = unary.get(path)
    if (bidirectional.has(path) && !/^application\/(connect\+|grpc-web)/.test(request.headers["content-type"] ?? "")) {
      exchange.refuse(refuse("unimplemented", STREAM_MESSAGE))
      return true
    }
    for (const [name, value] of Object.entries({ ...SECURITY_HEADERS, "x-request-id": exchange.requestId })) response.setHeader(name, value)
    void (invoke !== undefined && isPlainJson(exchange) ? serveJson(exchange, handler, invoke) : serve(exchange, handler))
    return true
  }
}

const EXCHANGE = createContextKey<Exchange | undefined>(undefined)

/** What the library is told, whichever methods it serves. */
export const ROUTER_OPTIONS = {
  grpc: false, // Needs HTTP/2, which has its own port.
  readMaxBytes: limits.REQUEST_BYTES_MAX,
  jsonOptions: { ignoreUnknownFields: false },
  acceptCompression: [compressionGzip, compressionBrotli],
} satisfies ConnectRouterOptions

function routerOf(invokers: Invokers, feeds: Feeds): ConnectRouter {
  const router = createConnectRouter(ROUTER_OPTIONS)
  for (const [method, invoke] of invokers) {
    router.rpc(method, async (request, { signal, values }) => {
      const exchange = exchangeOf(values)
      const result = await invoke(arrivalOf(exchange, signal), () => request)
      if (isRefusal(result)) throw connectError(result, exchange.requestId)
      return result
    })
  }
  for (const [method, serveFeed] of feeds) {
    router.rpc(method, async function* feed(request: Message, { signal, values }: HandlerContext): AsyncGenerator<Message> {
      const exchange = exchangeOf(values)
      const result = yield* HandOver.of((sink) => serveFeed(arrivalOf(exchange, signal), () => request, sink))
      if (isRefusal(result)) throw connectError(result, exchange.requestId)
    })
  }
  // Told to the library as streams that HTTP/1.1 can carry, so that it says no in whatever protocol it is asked in.
  for (const method of publicStreams) router.rpc({ ...method, methodKind: "client_streaming" }, refuseStream)
  return router
}

function exchangeOf(values: ContextValues): Exchange {
  const exchange = values.get(EXCHANGE)
  assert(exchange !== undefined, "a Connect request comes with its exchange")
  return exchange
}

function arrivalOf({ requestId, authorization, remoteAddress, ifMatch, idempotencyKey, tell }: Exchange, signal: AbortSignal): Arrival {
  return { door: "connect", requestId, authorization, remoteAddress, ifMatch, idempotencyKey, tell, signal }
}

const isPlainJson = ({ request: { method, headers } }: Exchange): boolean =>
  method === "POST" && /^application\/json\s*(;|$)/i.test(headers["content-type"] ?? "") && headers["content-encoding"] === undefined

/** JSON is read as at every other door: the library's parser takes what is not well-formed text, and repeats what it cannot take. */
async function serveJson(exchange: Exchange, handler: UniversalHandler, invoke: Invoke): Promise<void> {
  const bytes = await readBody(exchange.request, limits.REQUEST_BYTES_MAX)
  const json = isRefusal(bytes) ? bytes : readJsonObject(bytes)
  if (!isRefusal(json)) return serve(exchange, handler, json.value)
  const refused = await invoke(arrivalOf(exchange, exchange.signal), () => json)
  const error = connectError(isRefusal(refused) ? refused : json, exchange.requestId)
  exchange.sendJson(codeToHttpStatus(error.code), errorToJson(error, undefined))
}

/** `json`: the body, when it is read already. */
async function serve(exchange: Exchange, handler: UniversalHandler, json?: JsonBody["value"]): Promise<void> {
  const { request, response } = exchange
  try {
    const universal = universalRequestFromNodeRequest(request, response, json, createContextValues().set(EXCHANGE, exchange))
    await universalResponseToNodeResponse(await handler(universal), response)
  } catch {
    // What a handler throws has become an answer: either the request names no host, as HTTP/1.0 allows, or the client went away meanwhile.
    exchange.refuse(refuse("invalid_argument", "The request could not be read."))
    if (!response.writableEnded) response.destroy()
  }
}
