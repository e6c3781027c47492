import type { DescMethodUnary, Message } from "@bufbuild/protobuf"
import { anyPack } from "@bufbuild/protobuf/wkt"
import { ConnectError, createConnectRouter, type HandlerContext } from "@connectrpc/connect"
import type { Call } from "../../../services/gateway/src/call.ts"
import { ROUTER_OPTIONS, routerDoor } from "../../../services/gateway/src/doors/connect.ts"
import { corsOf } from "../../../services/gateway/src/doors/cors.ts"
import type { Invoke } from "../../../services/gateway/src/doors/entry.ts"
import { openHttpServer } from "../../../services/gateway/src/doors/http-server.ts"
import { type Contract, type Header, make, requestInfoOf, wantedOf } from "./contract.ts"

/** Our HTTP server with our door for Connect and gRPC-Web, which serves the suite's methods instead of ours. */
export async function openHttp(contract: Contract, host: string): Promise<number> {
  const { registry, service } = contract
  const router = createConnectRouter({ ...ROUTER_OPTIONS, jsonOptions: { ...ROUTER_OPTIONS.jsonOptions, registry } })
  const respond = (request: Message, context: HandlerContext) => answer(contract, request, context)
  // The methods that it leaves out are answered as unimplemented.
  router.service(service, { unary: respond, idempotentUnary: respond } as never)
  const unary = service.methods.filter((method): method is DescMethodUnary => method.methodKind === "unary")
  const decoding: Invoke = async (_arrival, decode) => decode({} as Call)
  const door = routerDoor(router, new Map(unary.map((method) => [method, decoding])))
  const failed = (path: string, _requestId: string, cause: unknown): void => void process.stderr.write(`${path}: ${String(cause)}\n`)
  return (await openHttpServer({ host, port: 0, doors: [door], cors: corsOf([]), failed })).port
}

async function answer(contract: Contract, request: Message, context: HandlerContext): Promise<Message> {
  const wanted = wantedOf(request)
  const { method, requestHeader, requestMethod, responseHeader, responseTrailer, url } = context
  const query = requestMethod === "GET" ? listed(new URL(url).searchParams) : []
  const requestInfo = requestInfoOf(contract, {
    headers: listed(requestHeader),
    timeoutMs: context.timeoutMs(),
    requests: [[method.input, request]],
    query,
  })
  for (const { name, value } of wanted.headers) for (const each of value) responseHeader.append(name, each)
  for (const { name, value } of wanted.trailers) for (const each of value) responseTrailer.append(name, each)
  await wanted.pause()
  if (wanted.error === undefined) return make(method.output, { payload: { data: wanted.data[0] ?? new Uint8Array(), requestInfo } })
  const error = new ConnectError(wanted.error.message ?? "", wanted.error.code)
  const details = [...wanted.error.details, anyPack(contract.message("ConformancePayload.RequestInfo"), requestInfo)]
  error.details.push(...details.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value })))
  throw error
}

function listed(pairs: Headers | URLSearchParams): Header[] {
  const byName = Map.groupBy(pairs, ([name]) => name)
  return [...byName].map(([name, all]) => ({ name, value: all.map(([, value]) => value) }))
}
