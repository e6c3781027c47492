import { createHash, timingSafeEqual } from "node:crypto"
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http"
import { limits } from "@posthorn/core"
import type { Engine, EngineRequest } from "./chdb-engine.ts"

/** URL parameters that belong to the protocol; every other one is a setting. */
const PROTOCOL_PARAMETERS = new Set(["query", "database", "default_format", "query_id", "session_id", "user", "password", "role"])
/** Settings of ClickHouse's HTTP server, which the engine does not know. */
const SERVER_SETTINGS = /^(?:wait_end_of_query|enable_http_compression|http_\w+|send_progress_in_http_headers)$/
/** Error codes that a server answers with 404: unknown table, unknown database, unknown function, unknown identifier. */
const NOT_FOUND_CODES = new Set([60, 81, 46, 47])
const AUTHENTICATION_FAILED: EngineError = {
  status: 401,
  code: 516,
  message: "Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)",
}

/**
 * The part of ClickHouse's HTTP interface that its official client needs: `/ping`, and statements by POST with settings and parameters.
 * Not there: sessions, users beyond the one password, progress, compression, streamed answers, binary formats.
 */
export function engineListener(engine: Promise<Engine>, password: string): RequestListener {
  return (request, response) => {
    if (request.url === "/ping") return void answerPing(engine, response)
    if (!isAuthorized(request, password)) {
      request.resume()
      return answerError(response, AUTHENTICATION_FAILED)
    }
    runStatement(engine, request, response).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error)
      const code = Number(/Code: (\d+)/.exec(message)?.[1] ?? 0)
      answerError(response, { status: code === 0 ? 500 : NOT_FOUND_CODES.has(code) ? 404 : 400, code, message })
    })
  }
}

async function answerPing(engine: Promise<Engine>, response: ServerResponse): Promise<void> {
  await engine
  response.end("Ok.\n")
}

async function runStatement(engine: Promise<Engine>, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const statement = await readStatement(request)
  const answer = await (await engine).run(statement)
  response.writeHead(200, {
    "Content-Type": "text/plain; charset=UTF-8",
    "X-ClickHouse-Format": statement.format,
    "X-ClickHouse-Timezone": "UTC",
  })
  response.end(answer)
}

async function readStatement(request: IncomingMessage): Promise<EngineRequest> {
  const parameters = new URL(request.url ?? "/", "http://localhost").searchParams
  const settings = new Map<string, string>()
  for (const [name, value] of parameters) {
    if (/^\w+$/.test(name) && !PROTOCOL_PARAMETERS.has(name) && !SERVER_SETTINGS.test(name)) settings.set(name, value)
  }
  const body = await readBody(request)
  const query = parameters.get("query")
  return {
    text: query === null ? body : body === "" ? query : `${query}\n${body}`,
    database: parameters.get("database") ?? undefined,
    format: parameters.get("default_format") ?? "TabSeparated",
    settings,
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > limits.ENGINE_REQUEST_BYTES_MAX) throw new Error("the request is larger than the embedded engine takes")
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString("utf8")
}

/**
 * Loopback alone is no protection: a subscription may be allowed to reach loopback addresses, and other users of the machine are there too.
 * Whoever can make the engine run statements can read files.
 */
function isAuthorized(request: IncomingMessage, password: string): boolean {
  const [scheme, credentials] = (request.headers.authorization ?? "").split(" ")
  if (scheme !== "Basic" || credentials === undefined) return false
  const given = Buffer.from(credentials, "base64")
    .toString("utf8")
    .replace(/^[^:]*:/, "")
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest()
  return timingSafeEqual(digest(given), digest(password))
}

interface EngineError {
  readonly status: number
  readonly code: number
  readonly message: string
}

function answerError(response: ServerResponse, { status, code, message }: EngineError): void {
  response.writeHead(status, { "Content-Type": "text/plain; charset=UTF-8", "X-ClickHouse-Exception-Code": code })
  response.end(`${message}\n`)
}
