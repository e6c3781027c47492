import { isIP } from "node:net"
import { isRefusal, noSuch, type Refusal } from "@posthorn/core"
import { isIn } from "@posthorn/outbound"
import type { Doorway } from "../call.ts"
import type { Exchange, HttpDoor } from "../doors/exchange.ts"
import { RouteTable } from "../doors/route-table.ts"
import { refusalOf } from "../error-boundary.ts"
import type { DialectAnswer, DialectRoute, Dialect } from "./dialect.ts"
import { APPLICATION_HEADER, dialectCalls, type DialectSurroundings } from "./dialect-calls.ts"
import { dialectRequest } from "./dialect-request.ts"
import { renameFields } from "./rename-fields.ts"
import type { RootDialect } from "./root-dialect.ts"

/** Beginnings of paths that are Posthorn's own wherever a dialect is served. */
const OWN = new Set(["compat", "docs", "health", "livez", "metrics", "openapi.json", "readyz", "v1"])

interface Target {
  readonly dialect: Dialect
  readonly route: DialectRoute
  /** Absent below `/compat`. */
  readonly root?: RootDialect | undefined
}

export interface DialectDoorOptions extends DialectSurroundings {
  readonly dialects: readonly Dialect[]
  readonly root: RootDialect | undefined
  /** Told of what was thrown outside of every method. */
  readonly failed: (path: string, requestId: string, cause: unknown) => void
}

/** Serves every dialect at `/compat/<name>`, and one of them at the root as well. */
export function dialectDoor(options: DialectDoorOptions): HttpDoor {
  const table = new RouteTable<Target>()
  for (const dialect of options.dialects) {
    for (const route of dialect.routes) {
      table.add(route.method, `/compat/${dialect.name}${route.path}`, { dialect, route })
      if (dialect.name === options.root?.name && !OWN.has(route.path.split("/")[1] ?? ""))
        table.add(route.method, route.path, { dialect, route, root: options.root })
    }
  }
  return (exchange) => {
    const found = table.find(exchange.method, exchange.path)
    if (found === undefined) return false
    if ("allow" in found) exchange.refuseMethod(found.allow)
    else void serve(exchange, options, found)
    return true
  }
}

interface Found {
  readonly target: Target
  readonly variables: ReadonlyMap<string, string>
}

async function serve(exchange: Exchange, options: DialectDoorOptions, { target, variables }: Found): Promise<void> {
  const { dialect, route, root } = target
  try {
    const doorway = doorwayOf(exchange, variables, root)
    const answer = isRefusal(doorway)
      ? doorway
      : await route.answer(dialectRequest(exchange, variables), dialectCalls(options, exchange, { doorway, role: dialect.role }))
    if (isRefusal(answer)) exchange.refuse(renameFields(answer, dialect.fieldNames))
    else send(exchange, answer)
  } catch (cause) {
    options.failed(`${dialect.name} ${route.path}`, exchange.requestId, cause)
    exchange.refuse(refusalOf(cause))
  }
}

/** The root's application stands; what the request names beside it can only be the same one. */
function doorwayOf(
  exchange: Exchange,
  variables: ReadonlyMap<string, string>,
  root: RootDialect | undefined,
): Doorway | Refusal | undefined {
  const header = exchange.request.headers[APPLICATION_HEADER]
  const named = [root?.applicationId, variables.get("application"), typeof header === "string" ? header : undefined].filter(
    (id) => id !== undefined && id !== "",
  )
  const [applicationId] = named
  if (applicationId === undefined) return undefined
  if (named.some((id) => id !== applicationId)) return noSuch("application")
  return { applicationId, keyless: root !== undefined && needsNoKey(exchange, root) }
}

/**
 * A page in somebody's browser calls from a trusted network too, whoever wrote it: what a browser sends for one has an origin, or calls us by the page's
 * own name, which its author can have lead here.
 */
function needsNoKey({ request: { headers }, remoteAddress }: Exchange, { keylessFrom }: RootDialect): boolean {
  return keylessFrom !== undefined && headers.origin === undefined && !isPublicName(headers.host ?? "") && isIn(keylessFrom, remoteAddress)
}

/** Whether anybody could own the name: not an address, nor a single word, nor below what is nobody's. */
function isPublicName(host: string): boolean {
  const name = host.replace(/:\d*$/, "").replace(/\.$/, "").toLowerCase()
  const isAddress = isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0
  return !isAddress && name.includes(".") && !/\.(localhost|local|internal|svc)$/.test(name)
}

function send(exchange: Exchange, { status, body, headers = {} }: DialectAnswer): void {
  if (body === undefined) exchange.send(status, headers, "")
  else exchange.sendJson(status, body, headers)
}
