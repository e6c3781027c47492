/** Identifiers: a prefix that says what it is, and 16 bytes as 26 characters of base 32 (Crockford's alphabet, lower case), which sort as the bytes do. */
import { v5 } from "uuid"

export const ID_PREFIXES = {
  application: "app",
  subscription: "sub",
  event: "evt",
  delivery: "dlv",
  attempt: "att",
  key: "key",
  task: "tsk",
} as const
export type IdKind = keyof typeof ID_PREFIXES

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
const PATTERN = /^(?:app|sub|evt|dlv|att|key|tsk)_[0-7][0-9a-hjkmnp-tv-z]{25}$/

/** Writes 16 bytes (a UUID) as an id of that kind. */
export function formatId(kind: IdKind, bytes: Uint8Array): string {
  let text = ""
  let bits = 0
  let width = 2 // 130 bits hold 128: the first character carries three.
  for (const byte of bytes) {
    bits = (bits << 8) | byte
    width += 8
    while (width >= 5) {
      width -= 5
      text += ALPHABET[(bits >> width) & 31]
      bits &= (1 << width) - 1
    }
  }
  return `${ID_PREFIXES[kind]}_${text}`
}

/** Whether a text has the form of an id of that kind. Says nothing of whether such a thing exists. */
export function isId(kind: IdKind, text: string): boolean {
  return text.length === 30 && text.startsWith(ID_PREFIXES[kind]) && PATTERN.test(text)
}

/** Namespaces of derived ids: made once at random, never to be changed. */
const DELIVERIES = "6b0f7a2c-51d3-4a1e-9d6f-0f6a3c1de7b4"
const KEYED_EVENTS = "c3a9d5e0-8f24-4b67-8a15-7e2b94d0f6a1"
const OPERATIONAL_EVENTS = "5f1c7e94-2b08-4d3a-b6e1-90c4a7d85e23"
const KEYED_TASKS = "e27d4a06-93bf-4c58-8d10-3b6f52c9a714"

const derive = (kind: IdKind, name: string, namespace: string): string => formatId(kind, v5(name, namespace, new Uint8Array(16)))

/** A delivery's id: the same for the same event and subscription, so that a router that repeats itself repeats ids, not deliveries. */
export const deliveryIdOf = (eventId: string, subscriptionId: string): string =>
  derive("delivery", `${eventId}/${subscriptionId}`, DELIVERIES)

/** The event of a sender's own id: the same for the same id, so that what is repeated is the same event even where nobody remembers it. */
export const keyedEventIdOf = (applicationId: string, idempotencyKey: string): string =>
  derive("event", `${applicationId}/${idempotencyKey}`, KEYED_EVENTS)

/** An event that Posthorn itself publishes: the same for the same happening, whoever notices it and however often. */
export const operationalEventIdOf = (type: string, happening: string): string => derive("event", `${type}/${happening}`, OPERATIONAL_EVENTS)

/** The task of a caller's own request id: the same for the same id. */
export const keyedTaskIdOf = (applicationId: string, requestId: string): string =>
  derive("task", `${applicationId}/${requestId}`, KEYED_TASKS)

/** An attempt's id: its delivery's, with its number, which never comes twice in a delivery. */
export const attemptIdOf = (deliveryId: string, number: number): string =>
  `${ID_PREFIXES.attempt}_${deliveryId.slice(ID_PREFIXES.delivery.length + 1)}_${number}`
