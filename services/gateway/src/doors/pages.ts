import { refusalOf } from "../error-boundary.ts"
import type { Exchange, HttpDoor } from "./exchange.ts"

/** What the operator's tools ask a gateway. */
export interface Probes {
  /** One status per component; `serving: false` is answered 503. */
  health(): Promise<{ readonly serving: boolean; readonly body: unknown }>
  /** Whether requests should be sent here now. Draining is known already. */
  ready(): boolean
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>
}

interface Page {
  readonly method: string
  readonly serve: (exchange: Exchange) => Promise<void> | void
}

/** Where the pages are. */
export type PagePath = "/health" | "/livez" | "/readyz" | "/metrics" | "/webhook"

/** Health, metrics and a receiver to point a subscription at. No key is asked for. */
export function pagesDoor(
  probes: Probes,
  draining: () => boolean,
  failed: (path: string, requestId: string, cause: unknown) => void,
): HttpDoor {
  const pages: Readonly<Record<PagePath, Page>> = {
    "/health": {
      method: "GET",
      serve: async (exchange) => {
        const { serving, body } = await probes.health()
        exchange.sendJson(serving ? 200 : 503, body)
      },
    },
    "/livez": { method: "GET", serve: (exchange) => exchange.sendJson(200, { status: "ok" }) },
    "/readyz": {
      method: "GET",
      serve: (exchange) =>
        !draining() && probes.ready()
          ? exchange.sendJson(200, { status: "ok" })
          : exchange.sendJson(503, { status: draining() ? "draining" : "starting" }),
    },
    "/metrics": {
      method: "GET",
      serve: async (exchange) => {
        const { contentType, body } = await probes.metrics()
        exchange.send(200, { "content-type": contentType }, body)
      },
    },
    "/webhook": { method: "POST", serve: (exchange) => exchange.sendJson(200, { received: true }) },
  }
  const serve = async (page: Page, exchange: Exchange): Promise<void> => {
    try {
      await page.serve(exchange)
    } catch (cause) {
      failed(exchange.path, exchange.requestId, cause)
      exchange.refuse(refusalOf(cause))
    }
  }
  return (exchange) => {
    if (!Object.hasOwn(pages, exchange.path)) return false
    const page = pages[exchange.path as PagePath]
    if (exchange.method !== page.method) exchange.refuseMethod([page.method])
    else {
      void serve(page, exchange)
    }
    return true
  }
}
