import { createSecretKey, randomBytes } from "node:crypto"
import { AnalyticsUnavailable } from "@posthorn/analytics"
import { createMemoryLog } from "@posthorn/log/memory"
import type { EventLog } from "@posthorn/log"
import { createCrypto, createLogger, Metrics, SecretBox, systemClock } from "@posthorn/runtime"
import { createPostgresStore } from "@posthorn/store/postgres"
import { startPostgres, type PostgresServer } from "@posthorn/testkit/postgres"
import { gatewayEvents, LOG_FIELDS } from "./events.ts"
import { startGateway, type GatewayOptions } from "./gateway.ts"
import { assertDocumented } from "./openapi/documented-under-test.ts"

export const OPERATOR_KEY = "an-operator-key-for-tests-and-nothing-else"

const away = (): Promise<never> => Promise.reject(new AnalyticsUnavailable("no test of this installation asks for it"))

/** For tests to which statistics are nothing: well, and without an answer. */
export const NO_ANALYTICS: GatewayOptions["analytics"] = { ping: async () => undefined, totals: away, timeseries: away, top: away }

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // oxlint-disable-next-line no-explicit-any -- tests look into answers of every shape
  readonly body: any
}

export interface Asking {
  /** A bearer key; default the operator's. `null` = none. */
  readonly key?: string | null
  /** An object goes as JSON, bytes and text as they are. */
  readonly body?: object | string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

/** A database server and a log that several gateways of one test share. */
export async function startInstallation() {
  const server: PostgresServer = await startPostgres()
  const log = createMemoryLog()
  const store = createPostgresStore({ url: server.url })
  const box = new SecretBox([{ kid: "test", key: createSecretKey(randomBytes(32)) }])
  const lines: string[] = []
  const gateway = async (more: Partial<GatewayOptions> = {}) => {
    const metrics = new Metrics()
    const logger = createLogger({
      service: "gateway",
      level: "debug",
      fields: LOG_FIELDS,
      destination: { write: (line) => void lines.push(line) },
    })
    const started = await startGateway({
      host: "127.0.0.1",
      httpPort: 0,
      grpcPort: 0,
      corsOrigins: [],
      operatorKey: OPERATOR_KEY,
      log: log.another(),
      store,
      analytics: NO_ANALYTICS,
      box,
      crypto: createCrypto(),
      clock: systemClock,
      metrics,
      events: gatewayEvents(logger, metrics),
      judgeUrl: (url) => (url.includes("10.0.0.1") ? "must not lead to a private or reserved address" : undefined),
      ...more,
    })
    return { ...started, ask: askOf(started.httpUrl, more.rootDialect === undefined ? "real" : "made") }
  }
  return {
    log: log as EventLog,
    store,
    box,
    server,
    /** Every log line of every gateway. */
    lines,
    gateway,
    async stop() {
      await log.close()
      await store.close()
      await server.remove()
    },
  }
}

export type Installation = Awaited<ReturnType<typeof startInstallation>>
export type GatewayUnderTest = Awaited<ReturnType<Installation["gateway"]>>

/** A dialect at the root has pages of its own, which are not described. */
function askOf(httpUrl: string, content: "real" | "made") {
  return async (route: string, { key = OPERATOR_KEY, body, headers = {} }: Asking = {}): Promise<Answer> => {
    const [method = "GET", path = "/"] = route.split(" ")
    const json = typeof body === "object" && !(body instanceof Uint8Array)
    const response = await fetch(httpUrl + path, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(json ? { "content-type": "application/json" } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: json ? JSON.stringify(body) : (body as string) }),
    })
    const text = await response.text()
    const contentType = response.headers.get("content-type")
    const answered: unknown = contentType?.startsWith("application/json") ? JSON.parse(text) : text
    const { status } = response
    assertDocumented({ method, path: new URL(response.url).pathname, status, contentType, body: answered }, content)
    return { status, headers: response.headers, body: answered }
  }
}
