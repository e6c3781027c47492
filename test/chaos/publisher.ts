import { setTimeout as wait } from "node:timers/promises"

export interface PublisherOptions {
  readonly httpUrl: string
  readonly token: string
  readonly events: number
  readonly forMs: number
  /** Every other event goes without an idempotency key, which must succeed at once whatever the status store does. */
  readonly halfWithoutKey: boolean
}

export interface Published {
  /** Event ids that were acknowledged, by payload. */
  readonly acknowledged: ReadonlyMap<string, string>
  /** Events without a key that were not acknowledged at once. */
  readonly refusedWithoutKey: number
  /** Keyed requests that were made again. */
  readonly repeated: number
  /** What an answer said that is no reason to try again; empty when all is well. */
  readonly unexpected: readonly string[]
}

const IN_FLIGHT_MAX = 64
const REQUEST_TIMEOUT_MS = 10_000
const AGAIN_MS = 200
/** How long after the last one was due every event has to be acknowledged. */
const PATIENCE_MS = 40_000
const UNEXPECTED_MAX = 5

/** Publishes at an even pace, each event under a key of its own and again until it is acknowledged. What is held up is caught up on. */
export async function publishAll(options: PublisherOptions): Promise<Published> {
  const { events, forMs, halfWithoutKey } = options
  const acknowledged = new Map<string, string>()
  const unexpected: string[] = []
  let [repeated, refusedWithoutKey] = [0, 0]
  const startedAtMs = Date.now()
  const untilMs = startedAtMs + forMs + PATIENCE_MS

  async function publishInTurn(indices: readonly number[], keyed: boolean): Promise<void> {
    const waiting = indices.values()
    await Promise.all(
      Array.from({ length: IN_FLIGHT_MAX }, async () => {
        for (const index of waiting) {
          await wait(Math.max(0, startedAtMs + (index * forMs) / events - Date.now()))
          await publish(index, keyed)
        }
      }),
    )
  }

  async function publish(index: number, keyed: boolean): Promise<void> {
    while (Date.now() < untilMs) {
      const given = await publishOnce(options, index, keyed)
      if (given.kind === "acknowledged") return void acknowledged.set(payloadOf(index), given.eventId)
      if (!keyed) return void refusedWithoutKey++
      if (given.kind === "unexpected" && unexpected.length < UNEXPECTED_MAX) unexpected.push(given.text)
      if (given.kind === "unexpected") return
      repeated++
      await wait(AGAIN_MS)
    }
  }

  const all = Array.from({ length: events }, (_, index) => index)
  // In queues of their own, so that those that are held up do not hold up the others.
  const queues = Map.groupBy(all, (index) => halfWithoutKey && index % 2 === 1)
  await Promise.all([...queues].map(([withoutKey, indices]) => publishInTurn(indices, !withoutKey)))
  return { acknowledged, refusedWithoutKey, repeated, unexpected }
}

/** The bytes that arrive: the data of event number `index`. */
export const payloadOf = (index: number): string => `{"n":${index}}`

type Given =
  | { readonly kind: "acknowledged"; readonly eventId: string }
  | { readonly kind: "again" }
  | { readonly kind: "unexpected"; readonly text: string }

async function publishOnce({ httpUrl, token }: PublisherOptions, index: number, keyed: boolean): Promise<Given> {
  try {
    const response = await fetch(`${httpUrl}/v1/events`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        ...(keyed ? { "idempotency-key": `chaos-${index}` } : {}),
      },
      body: `{"type":"chaos.event","data":${payloadOf(index)}}`,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    })
    const text = await response.text()
    if (response.ok) return { kind: "acknowledged", eventId: (JSON.parse(text) as { id: string }).id }
    return response.status >= 500 ? { kind: "again" } : { kind: "unexpected", text: `${response.status} ${text.slice(0, 300)}` }
  } catch {
    // Cut off or too late: it is in the log or it is not.
    return { kind: "again" }
  }
}
