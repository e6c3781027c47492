import { createHash } from "node:crypto"
import { answer, hang, type ReceivedRequest, type Reply, reset, startReceiver } from "@posthorn/testkit"

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

/** What an endpoint does instead of answering: to everything, or, when it is choosy, always to the same quarter of all events. */
export type Mischief = "cut" | "hang" | "choosy"

export interface Endpoints {
  readonly arrivals: readonly Arrival[]
  urlOf(endpoint: EndpointName): string
  /** From now on those named do as told, and the others answer. */
  behave(mischief: Readonly<Partial<Record<EndpointName, Mischief>>>): void
  stop(): Promise<void>
}

const SLOW_MS = 200
/** Of 256: one in ten. */
const FAILING = 26
/** Of 256: a quarter. */
const CHOSEN = 64
const REPLIES: Readonly<Record<Mischief, Reply>> = { cut: reset, hang, choosy: answer(500) }

/** Three endpoints of one receiver. Which attempts the flaky one fails depends on the seed, the payload and the number of the attempt alone. */
export async function startEndpoints(seed: string): Promise<Endpoints> {
  const arrivals: Arrival[] = []
  let mischief: Parameters<Endpoints["behave"]>[0] = {}
  const among = (of256: number, what: string): boolean => (createHash("sha256").update(`${seed}/${what}`).digest()[0] ?? 0) < of256

  const behaviour = (request: ReceivedRequest): Reply => {
    const endpoint = ENDPOINTS.find((name) => request.path === `/${name}`)
    if (endpoint === undefined) return answer(404)
    const [body, attempt] = [request.body.toString(), Number(request.headers["posthorn-attempt"])]
    const told = mischief[endpoint]
    const wrong = told === "choosy" && !among(CHOSEN, body) ? undefined : told
    const delivered = wrong === undefined && !(endpoint === "flaky" && among(FAILING, `${body}/${attempt}`))
    arrivals.push({ endpoint, deliveryId: String(request.headers["webhook-id"]), attempt, atMs: request.receivedAtMs, delivered, body })
    if (wrong !== undefined) return REPLIES[wrong]
    return answer(delivered ? 200 : 500, endpoint === "slow" ? { delayMs: SLOW_MS } : {})
  }
  const receiver = await startReceiver({ behaviour, keep: false })
  return {
    arrivals,
    urlOf: (endpoint) => `${receiver.url}/${endpoint}`,
    behave: (wanted) => void (mischief = wanted),
    stop: () => receiver.stop(),
  }
}
