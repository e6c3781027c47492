import { assert, isRefusal, limits, type Refusal } from "@posthorn/core"
import { readBody, refuseOtherThanJson } from "../doors/body.ts"
import type { Exchange } from "../doors/exchange.ts"
import { readJsonObject } from "../doors/json-body.ts"
import type { PublishJson } from "../doors/publish-json.ts"
import type { DialectRequest } from "./dialect.ts"

const NOTHING = Buffer.from("{}")

/** One request as the routes of a dialect read it. */
export function dialectRequest(exchange: Exchange, variables: ReadonlyMap<string, string>): DialectRequest {
  const { request } = exchange
  const readJson = async (bytesMax: number): Promise<PublishJson | Refusal> => {
    const received = await readBody(request, bytesMax)
    if (isRefusal(received)) return received
    const bytes = received.length === 0 ? NOTHING : received
    const json = refuseOtherThanJson(request, received) ?? readJsonObject(bytes)
    return isRefusal(json) ? json : { ...json, bytes }
  }
  return {
    variable(name) {
      const value = variables.get(name)
      assert(value !== undefined, `the path has a variable ${name}`)
      return value
    },
    query: new URLSearchParams(exchange.queryText),
    headers: request.headers,
    async raw() {
      const body = await readBody(request, limits.PAYLOAD_BYTES_MAX)
      return isRefusal(body) ? body : { body, headers: request.headers }
    },
    json: () => readJson(limits.REQUEST_BYTES_MAX),
    event: () => readJson(limits.PUBLISH_BYTES_MAX),
  }
}
