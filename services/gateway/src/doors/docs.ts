import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { refusalOf } from "../error-boundary.ts"
import { type Exchange, type HttpDoor, SECURITY_HEADERS } from "./exchange.ts"

interface Page {
  readonly contentType: string
  readonly load: () => Promise<Uint8Array>
  readonly headers?: Readonly<Record<string, string>>
}

interface LoadedPage {
  readonly headers: Readonly<Record<string, string>> & { readonly etag: string }
  readonly body: Uint8Array
}

/** What the viewer does: run its own scripts and styles, show the pictures that its styles have inside, and ask this gateway. */
const VIEWER_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ")

/** Files of the viewer change with the version alone: a browser need not ask again for a day. The rest is asked for every time, by its etag. */
const LASTING = { "cache-control": "public, max-age=86400" }
const CHECKED = { "cache-control": "no-cache" }

const file = (url: string | URL) => () => readFile(fileURLToPath(url))

const pages: Readonly<Record<string, Page>> = {
  "/openapi.json": { contentType: "application/json", load: loadDocument, headers: CHECKED },
  "/docs": {
    contentType: "text/html; charset=utf-8",
    load: file(new URL("../openapi/page.html", import.meta.url)),
    headers: { ...CHECKED, "content-security-policy": VIEWER_POLICY },
  },
  "/docs/start.js": {
    contentType: "text/javascript",
    load: file(new URL("../openapi/start-viewer.js", import.meta.url)),
    headers: CHECKED,
  },
  "/docs/viewer.js": {
    contentType: "text/javascript",
    load: file(import.meta.resolve("swagger-ui-dist/swagger-ui-bundle.js")),
    headers: LASTING,
  },
  "/docs/viewer.css": { contentType: "text/css", load: file(import.meta.resolve("swagger-ui-dist/swagger-ui.css")), headers: LASTING },
  "/docs/icon.png": { contentType: "image/png", load: file(import.meta.resolve("swagger-ui-dist/favicon-32x32.png")), headers: LASTING },
}

/**
 * The description of the REST surface, `/openapi.json`, and a viewer for it, `/docs`, which needs nothing but this gateway. No key is asked for: both say
 * what anybody can read in the sources. Each is made when it is first asked for and then kept.
 */
export function docsDoor(failed: (path: string, requestId: string, cause: unknown) => void): HttpDoor {
  const loaded = new Map<string, Promise<LoadedPage>>()
  const pageAt = (path: string, page: Page): Promise<LoadedPage> => {
    const known = loaded.get(path)
    if (known !== undefined) return known
    const loading = loadPage(page)
    loaded.set(path, loading)
    loading.catch(() => loaded.delete(path)) // The next request tries again.
    return loading
  }
  const serve = async (exchange: Exchange, page: Page): Promise<void> => {
    try {
      answer(exchange, await pageAt(exchange.path, page))
    } catch (cause) {
      failed(exchange.path, exchange.requestId, cause)
      exchange.refuse(refusalOf(cause))
    }
  }
  return (exchange) => {
    const page = Object.hasOwn(pages, exchange.path) ? pages[exchange.path] : undefined
    if (page === undefined) return false
    if (exchange.method === "GET") void serve(exchange, page)
    else exchange.refuseMethod(["GET"])
    return true
  }
}

async function loadDocument(): Promise<Uint8Array> {
  // Nobody but its readers needs the comments of the contract in memory.
  const { openApiDocument } = await import("../openapi/document.ts")
  return Buffer.from(JSON.stringify(openApiDocument()))
}

async function loadPage({ contentType, load, headers }: Page): Promise<LoadedPage> {
  const body = await load()
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`
  return { headers: { ...headers, "content-type": contentType, etag }, body }
}

function answer(exchange: Exchange, { headers, body }: LoadedPage): void {
  const { request, response, requestId } = exchange
  const known = request.headers["if-none-match"]?.split(",").map((tag) => tag.trim().replace(/^W\//, ""))
  if (known === undefined || !(known.includes(headers.etag) || known.includes("*"))) return exchange.send(200, headers, body)
  response.writeHead(304, { ...SECURITY_HEADERS, "x-request-id": requestId, ...headers })
  response.end()
}
