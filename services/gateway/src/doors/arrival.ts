import { randomUUID } from "node:crypto"
import { limits } from "@posthorn/core"
import type { Role } from "@posthorn/proto"
import type { Call, Caller, Door, Doorway, Tell } from "../call.ts"

/** A request at a door, before anybody knows who sent it. */
export interface Arrival {
  readonly door: Door
  readonly requestId: string
  readonly authorization: string | undefined
  readonly remoteAddress: string
  readonly ifMatch: string | undefined
  /** The header `idempotency-key`; absent = none. */
  readonly idempotencyKey?: string | undefined
  /** Absent = the address leads to whatever the key may reach. */
  readonly doorway?: Doorway | undefined
  /** A role that the address takes besides the one of what is wanted; absent = none. */
  readonly role?: Role | undefined
  /** Made when it is first asked for: most requests never look at theirs, and one costs more than the rest of a publish. */
  readonly signal: AbortSignal
  readonly tell: Tell
}

/**
 * A class, because a literal with a getter gets a hidden class of its own each time it is made: the garbage of those was half of all that a
 * publish left behind.
 */
class ArrivedCall implements Call {
  readonly caller: Caller
  /** A connection that has gone has none any more. */
  readonly remoteAddress: string
  /** Not private: calls are also made of calls, which inherit from them. */
  readonly arrival: Arrival

  constructor(arrival: Arrival, caller: Caller) {
    this.caller = caller
    this.remoteAddress = arrival.remoteAddress
    this.arrival = arrival
  }

  get requestId(): string {
    return this.arrival.requestId
  }

  get signal(): AbortSignal {
    return this.arrival.signal
  }

  get ifMatch(): string | undefined {
    return this.arrival.ifMatch
  }

  get door(): Door {
    return this.arrival.door
  }

  get tell(): Tell {
    return this.arrival.tell
  }
}

/** The call that an arrival becomes once its caller is known. */
export const callOf = (arrival: Arrival, caller: Caller): Call => new ArrivedCall(arrival, caller)

const SANE = /^[A-Za-z0-9._:/+=-]+$/

/** The client's own request id when it is short and plain, so that it can be logged and answered as it is; a new one otherwise. */
export function requestIdOf(header: unknown): string {
  return typeof header === "string" && header.length <= limits.REQUEST_ID_LENGTH_MAX && SANE.test(header) ? header : randomUUID()
}

/** The etag of an `If-Match`, without quotes or weakness. `*` asks for nothing that a missing thing would not be told anyway. */
export function etagOf(header: string | undefined): string | undefined {
  const tag = header
    ?.trim()
    .replace(/^W\//, "")
    .replace(/^"(.*)"$/, "$1")
  return tag === "" || tag === "*" ? undefined : tag
}
