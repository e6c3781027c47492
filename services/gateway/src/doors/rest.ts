import type { DescMethodServerStreaming, DescMethodUnary, JsonObject, Message } from "@bufbuild/protobuf"
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect"
import { assert, isRefusal, limits, type Refusal } from "@posthorn/core"
import { EventService, type GetEventPayloadResponse } from "@posthorn/proto"
import { readBody, refuseOtherThanJson } from "./body.ts"
import type { Invoke, Invokers } from "./entry.ts"
import type { Exchange, HttpDoor } from "./exchange.ts"
import type { Feeds, ServeFeed } from "./feeds.ts"
import { readJsonObject } from "./json-body.ts"
import { type Binding, bindingsOf } from "./rest-binding.ts"
import { restJson } from "./rest-encode.ts"
import { answerFeed } from "./rest-feed.ts"
import { requestOf } from "./rest-request.ts"
import { RouteTable } from "./route-table.ts"

interface UnaryRoute {
  readonly binding: Binding<DescMethodUnary>
  readonly invoke: Invoke
}

interface FeedRoute {
  readonly binding: Binding<DescMethodServerStreaming>
  readonly serve: ServeFeed
}

/** REST with JSON for every method of the contract that takes one request, from its annotations. */
export function restDoor(invokers: Invokers, feeds: Feeds): HttpDoor {
  const table = new RouteTable<UnaryRoute | FeedRoute>()
  for (const [method, invoke] of invokers) {
    for (const binding of bindingsOf(method)) table.add(binding.httpMethod, binding.template, { binding, invoke })
  }
  for (const [method, serve] of feeds) {
    for (const binding of bindingsOf(method)) table.add(binding.httpMethod, binding.template, { binding, serve })
  }
  return (exchange) => {
    const found = table.find(exchange.method, exchange.path)
    if (found === undefined) return false
    if ("allow" in found) exchange.refuseMethod(found.allow)
    else if ("serve" in found.target) void answerFeed(exchange, found.target, found.variables)
    else void answer(exchange, found.target, found.variables)
    return true
  }
}

async function answer(exchange: Exchange, { binding, invoke }: UnaryRoute, variables: ReadonlyMap<string, string>): Promise<void> {
  const result = await invoke(exchange, async () => {
    const body = binding.body === undefined ? undefined : await readObject(exchange)
    if (isRefusal(body)) return body
    return requestOf(binding, { variables, query: new URLSearchParams(exchange.queryText), body, etag: exchange.ifMatch })
  })
  if (isRefusal(result)) exchange.refuse(result)
  else if (binding.method === EventService.method.getEventPayload) sendPayload(exchange, result as GetEventPayloadResponse)
  else sendMessage(exchange, binding, result)
}

/** A body of no bytes says as much as `{}`. */
async function readObject(exchange: Exchange): Promise<JsonObject | Refusal> {
  const bytes = await readBody(exchange.request, limits.REQUEST_BYTES_MAX)
  if (isRefusal(bytes)) return bytes
  const refused = refuseOtherThanJson(exchange.request, bytes)
  if (refused !== undefined || bytes.length === 0) return refused ?? {}
  const json = readJsonObject(bytes)
  return isRefusal(json) ? json : json.value
}

function sendMessage(exchange: Exchange, { method, answered, status }: Binding, message: Message): void {
  if (answered === undefined) return exchange.sendJson(status, restJson(method.output, message))
  const whole = reflect(method.output, message)
  assert(whole.isSet(answered), `${method.name} answers without ${answered.name}`)
  const json = restJson(answered.message, (whole.get(answered) as ReflectMessage).message)
  const etag = json["etag"]
  exchange.sendJson(status, json, typeof etag === "string" && etag !== "" ? { etag: `"${etag}"` } : {})
}

/** The payload itself. It is somebody else's data: never shown in place, never guessed at. */
function sendPayload(exchange: Exchange, { contentType, data }: GetEventPayloadResponse): void {
  const safe = /^[\x20-\x7e]+$/.test(contentType) ? contentType : "application/octet-stream"
  exchange.send(200, { "content-type": safe, "content-disposition": "attachment" }, data)
}
