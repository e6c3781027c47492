import { CODES } from "../error-boundary.ts"
import type { Schema } from "./field-rules.ts"

/** Bytes of any kind. */
export const UNKNOWN_BODY: Schema = { "*/*": { schema: {} } }

/** What can go wrong with a request. */
export interface Prospects {
  /** It has a body of JSON. */
  readonly body: boolean
  /** It names something that may not be there. */
  readonly finds: boolean
  /** It changes something that may be in another state. */
  readonly changes: boolean
  /** Its payload may have to fit a schema. */
  readonly payload: boolean
}

/** The refusals that a request with a key may be answered with. */
export function refusalsOf({ body, finds, changes, payload }: Prospects): Schema {
  const names: Record<string, boolean> = {
    "400": true,
    "401": true,
    "403": true,
    "404": finds,
    "409": changes,
    "413": body,
    "415": body,
    "422": payload,
    "429": true,
    "503": true,
  }
  return refusals(Object.keys(names).filter((status) => names[status]))
}

export function refusals(statuses: readonly string[]): Schema {
  return Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/${status}` }]))
}

const REASONS: Readonly<Record<string, string>> = {
  "400": "A field is missing, malformed or out of bounds, or the state of what is named does not allow it. Every violation is listed.",
  "401": "No key, or one that is unknown, revoked or expired; or a signature that is missing or wrong.",
  "403": "The role of the key does not allow this.",
  "404": "There is no such thing, or it belongs to another application.",
  "409": "Somebody changed it meanwhile, the idempotency key was used for something else, or the state does not allow it.",
  "413": "The body is too large.",
  "415": "The body does not say that it is JSON, or is compressed.",
  "422": "The payload does not fit the schema of its event type.",
  "429": "Too many requests.",
  "503": "It cannot be done at the moment. The message says whether it may have been done all the same.",
}

const WAITING = new Set(["429", "503"])

/** The parts of the document that refusals refer to. */
export const refusalComponents: Schema = Object.fromEntries(
  Object.entries(REASONS).map(([status, description]) => [
    status,
    {
      description,
      ...answerHeaders(WAITING.has(status) ? ["Retry-After"] : []),
      content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
    },
  ]),
)

export const errorSchema: Schema = {
  type: "object",
  description: "Why a request was refused.",
  properties: {
    code: { type: "string", enum: Object.keys(CODES), description: "For programs: the gRPC code name in lower snake case." },
    message: { type: "string", description: "For people: what is wrong and what to do. May change." },
    details: {
      type: "array",
      description: "Every violation, by field.",
      items: {
        type: "object",
        properties: { field: { type: "string" }, reason: { type: "string" } },
        required: ["field", "reason"],
      },
    },
    requestId: { type: "string", description: "Finds the request in the log of the gateway." },
  },
  required: ["code", "message", "details", "requestId"],
}

export const streamErrorSchema: Schema = {
  type: "object",
  description: "The last line of a stream that ended before its time.",
  properties: { error: { $ref: "#/components/schemas/Error" } },
  required: ["error"],
}

const HEADERS: Readonly<Record<string, Schema>> = {
  "X-Request-Id": {
    description: "The caller's own `X-Request-Id` when it is short and plain, otherwise a new one.",
    required: true,
    schema: { type: "string" },
  },
  ETag: { description: "The etag of what is answered, for `If-Match`; absent for what nobody can change.", schema: { type: "string" } },
  "Retry-After": { description: "Seconds to wait.", schema: { type: "integer", minimum: 0 } },
}

export function answerHeaders(names: readonly string[]): Schema {
  return { headers: Object.fromEntries(["X-Request-Id", ...names].map((name) => [name, { $ref: `#/components/headers/${name}` }])) }
}

export const headerComponents: Schema = HEADERS
