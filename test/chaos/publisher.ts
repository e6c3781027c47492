import { setTimeout as wait } from "node:timers/promises"

export interface PublisherOptions {
  readonly httpUrl: string
  readonly token: string
  readonly events: number
  readonly forMs: number
  /** How long a request is waited for before it is made again. */
  readonly answerMs: number
  /** Every other event goes without an idempotency key, which must succeed at once whatever the status store does. */
  readonly halfWithoutKey: boolean
  /** Once every event is acknowledged, each is sent once more, as by a sender that does not know what became of it. */
  readonly sendsAgain: boolean
}

export interface Published {
  /** Event ids that were acknowledged, by payload. */
  readonly acknowledged: ReadonlyMap<string, string>
  /** Events without a key that were not acknowledged at once. */
  readonly refusedWithoutKey: number
  /** Keyed requests that were made again, for whatever reason. */
  readonly repeated: number
  /** Answers that the log or the store is not there. */
  readonly unavailable: number
  /** Requests whose connection was closed before they were answered. Also of an orderly server: one that closes an idle connection may cross the next request. */
  readonly cutOff: number
  /** Those of them that had been carried out, as repeating them showed. */
  readonly doneAndCutOff: number
  /** Events that were another one, or a new one, when they were sent again. */
  readonly takenAnew: number
  /** What an answer said that is no reason to try again; empty when all is well. */
  readonly unexpected: readonly string[]
}

const IN_FLIGHT_MAX = 64
const AGAIN_MS = 200
/** How long after the last one was due every event has to be acknowledged. */
const PATIENCE_MS = 40_000
const UNEXPECTED_MAX = 5

/** Publishes at an even pace, each event under a key of its own and again until it is acknowledged. What is held up is caught up on. */
export async function publishAll(options: PublisherOptions): Promise<Published> {
  const { events, forMs, halfWithoutKey, sendsAgain } = options
  const acknowledged = new Map<string, string>()
  const unexpected: string[] = []
  let [repeated, refusedWithoutKey, unavailable, cutOff, doneAndCutOff, takenAnew] = [0, 0, 0, 0, 0, 0]
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
    for (let before = ""; Date.now() < untilMs;) {
      const given = await publishOnce(options, index, keyed)
      if (given.kind === "acknowledged") {
        acknowledged.set(payloadOf(index), given.eventId)
        if (given.duplicate && before === "cut off") doneAndCutOff++
        return
      }
      if (!keyed) return void refusedWithoutKey++
      if (given.kind === "unexpected" && unexpected.length < UNEXPECTED_MAX) unexpected.push(given.text)
      if (given.kind === "unexpected") return
      repeated++
      if (given.kind === "unavailable") unavailable++
      if (given.kind === "cut off") cutOff++
      before = given.kind
      await wait(AGAIN_MS)
    }
  }

  async function sendAgain(): Promise<void> {
    const waiting = all.values()
    await Promise.all(
      Array.from({ length: IN_FLIGHT_MAX }, async () => {
        for (const index of waiting) {
          const given = await publishOnce(options, index, true)
          if (given.kind !== "acknowledged" || !given.duplicate || given.eventId !== acknowledged.get(payloadOf(index))) takenAnew++
        }
      }),
    )
  }

  const all = Array.from({ length: events }, (_, index) => index)
  // In queues of their own, so that those that are held up do not hold up the others.
  const queues = Map.groupBy(all, (index) => halfWithoutKey && index % 2 === 1)
  await Promise.all([...queues].map(([withoutKey, indices]) => publishInTurn(indices, !withoutKey)))
  if (sendsAgain) await sendAgain()
  return { acknowledged, refusedWithoutKey, repeated, unavailable, cutOff, doneAndCutOff, takenAnew, unexpected }
}

/** The bytes that arrive: the data of event number `index`. */
export const payloadOf = (index: number): string => `{"n":${index}}`

type Given =
  | { readonly kind: "acknowledged"; readonly eventId: string; readonly duplicate: boolean }
  /** It is in the log or it is not. */
  | { readonly kind: "unavailable" | "cut off" | "unanswered" }
  | { readonly kind: "not begun" }
  | { readonly kind: "unexpected"; readonly text: string }

async function publishOnce({ httpUrl, token, answerMs }: PublisherOptions, index: number, keyed: boolean): Promise<Given> {
  try {
    const response = await fetch(`${httpUrl}/v1/events`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        ...(keyed ? { "idempotency-key": `chaos-${index}` } : {}),
      },
      body: `{"type":"chaos.event","data":${payloadOf(index)}}`,
      signal: AbortSignal.timeout(answerMs),
    })
    const text = await response.text()
    if (response.ok) {
      const { id, duplicate = false } = JSON.parse(text) as { id: string; duplicate?: boolean }
      return { kind: "acknowledged", eventId: id, duplicate }
    }
    return response.status === 503 ? { kind: "unavailable" } : { kind: "unexpected", text: `${response.status} ${text.slice(0, 300)}` }
  } catch (error) {
    if (error instanceof Error && error.name === "TimeoutError") return { kind: "unanswered" }
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException
    return { kind: code === "ECONNREFUSED" ? "not begun" : "cut off" }
  }
}
