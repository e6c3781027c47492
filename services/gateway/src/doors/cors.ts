import type { Exchange } from "./exchange.ts"

const REQUEST_HEADERS =
  "authorization, content-type, idempotency-key, if-match, last-event-id, posthorn-application, x-request-id, x-hub-signature-256, x-signature, x-webhook-event, ce-id, ce-source, ce-specversion, ce-subject, ce-time, ce-type, connect-protocol-version, connect-timeout-ms, grpc-timeout, x-grpc-web, x-user-agent"
const RESPONSE_HEADERS = "etag, ratelimit, ratelimit-policy, retry-after, x-request-id, grpc-status, grpc-message, grpc-status-details-bin"
/** Browsers cap it between ten minutes and two hours. */
const PREFLIGHT_SECONDS = 7200

/**
 * Lets pages of the named origins (`*` = any) read answers. Never with credentials: a key goes in a header that the page must set itself.
 * Answers whether the request was a preflight, which is then done.
 */
export type Cors = (exchange: Exchange) => boolean

export function corsOf(origins: readonly string[]): Cors {
  if (origins.length === 0) return () => false
  const all = origins.includes("*")
  const allowed = new Set(origins)
  return (exchange) => {
    const { request, response, requestId } = exchange
    if (!all) response.setHeader("vary", "origin")
    const origin = request.headers.origin
    if (origin === undefined || !(all || allowed.has(origin))) return false
    response.setHeader("access-control-allow-origin", all ? "*" : origin)
    response.setHeader("access-control-expose-headers", RESPONSE_HEADERS)
    if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined) return false
    response.writeHead(204, {
      "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE",
      "access-control-allow-headers": REQUEST_HEADERS,
      "access-control-max-age": String(PREFLIGHT_SECONDS),
      "x-request-id": requestId,
    })
    response.end()
    return true
  }
}
