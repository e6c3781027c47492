import { createHash } from "node:crypto"
import { answer, type ReceivedRequest, type Reply, reset, startReceiver } from "@posthorn/testkit"

export const ENDPOINTS = ["healthy", "flaky", "slow"] as const
export type EndpointName = (typeof ENDPOINTS)[number]

/** A request that was read to its end, and what it was answered. */
export interface Arrival {
  readonly endpoint: EndpointName
  readonly deliveryId: string
  readonly attempt: number
  readonly atMs: number
  readonly delivered: boolean
  readonly body: string
}

export interface Endpoints {
  readonly arrivals: readonly Arrival[]
  urlOf(endpoint: EndpointName): string
  /** While it is down, every endpoint cuts every connection. */
  setDown(down: boolean): void
  stop(): Promise<void>
}

const SLOW_MS = 200
/** Of 256: one in ten. */
const FAILING = 26

/** Three endpoints of one receiver. Which attempts the flaky one fails depends on the seed, the payload and the number of the attempt alone. */
export async function startEndpoints(seed: string): Promise<Endpoints> {
  const arrivals: Arrival[] = []
  let down = false
  const fails = (body: string, attempt: number): boolean =>
    (createHash("sha256").update(`${seed}/${body}/${attempt}`).digest()[0] ?? 0) < FAILING

  const behaviour = (request: ReceivedRequest): Reply => {
    const endpoint = ENDPOINTS.find((name) => request.path === `/${name}`)
    if (endpoint === undefined) return answer(404)
    const [body, attempt] = [request.body.toString(), Number(request.headers["posthorn-attempt"])]
    const delivered = !down && !(endpoint === "flaky" && fails(body, attempt))
    arrivals.push({ endpoint, deliveryId: String(request.headers["webhook-id"]), attempt, atMs: request.receivedAtMs, delivered, body })
    if (down) return reset
    return answer(delivered ? 200 : 500, endpoint === "slow" ? { delayMs: SLOW_MS } : {})
  }
  const receiver = await startReceiver({ behaviour, keep: false })
  return {
    arrivals,
    urlOf: (endpoint) => `${receiver.url}/${endpoint}`,
    setDown: (wanted) => void (down = wanted),
    stop: () => receiver.stop(),
  }
}
