import type { IncomingMessage } from "node:http"
import { createContextKey, createContextValues } from "@connectrpc/connect"
import { connectNodeAdapter } from "@connectrpc/connect-node"
import { assert, isRefusal, limits } from "@posthorn/core"
import { methodName } from "../call.ts"
import { connectError } from "../error-boundary.ts"
import type { Invokers } from "./entry.ts"
import { type Exchange, type HttpDoor, SECURITY_HEADERS } from "./exchange.ts"

/** The protocols of Connect and gRPC-Web for every method of the contract, over HTTP/1.1. Its JSON is protobuf's own: enums by their full names. */
export function connectDoor(invokers: Invokers): HttpDoor {
  const exchanges = new WeakMap<object, Exchange>()
  const exchangeKey = createContextKey<Exchange | undefined>(undefined)
  const serve = connectNodeAdapter({
    grpc: false, // Needs HTTP/2, which has its own port.
    readMaxBytes: limits.REQUEST_BYTES_MAX,
    jsonOptions: { ignoreUnknownFields: false },
    contextValues: (request) => createContextValues().set(exchangeKey, exchanges.get(request)),
    routes: (router) => {
      for (const [method, invoke] of invokers) {
        router.rpc(method, async (request, { signal, values }) => {
          const exchange = values.get(exchangeKey)
          assert(exchange !== undefined, "a Connect request comes with its exchange")
          const { requestId, authorization, remoteAddress, ifMatch } = exchange
          const result = await invoke({ door: "connect", requestId, authorization, remoteAddress, ifMatch, signal }, () => request)
          if (isRefusal(result)) throw connectError(result, requestId)
          return result
        })
      }
    },
  })
  const paths = new Set([...invokers.keys()].map((method) => `/${methodName(method)}`))
  return (exchange) => {
    if (!paths.has(exchange.path)) return false
    const { response } = exchange
    for (const [name, value] of Object.entries({ ...SECURITY_HEADERS, "x-request-id": exchange.requestId })) response.setHeader(name, value)
    exchanges.set(exchange.request, exchange)
    serve(exchange.request satisfies IncomingMessage, response)
    return true
  }
}
