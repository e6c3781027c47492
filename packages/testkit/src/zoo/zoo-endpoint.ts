import { ErrorClass } from "@posthorn/proto"
import { type RawBehaviour, startRawEndpoint } from "../raw-endpoint.ts"
import type { ZooGrounds } from "./zoo-grounds.ts"

/** What an attempt has to come to, in the words of the response contract. */
export type Expected =
  | {
      readonly outcome: "delivered"
      readonly statusCode: number
      /** Whether the answer's body is more than is read, so that the connection has to go. Default false. */
      readonly endless?: boolean
    }
  | {
      readonly outcome: "failed"
      readonly errorClass: ErrorClass
      /** 0 = no answer. */
      readonly statusCode: number
      /** Part of the error's text. */
      readonly error?: string
      readonly demand?: "gone" | "throttle"
      /** Both ends count. */
      readonly retryAfterMs?: { readonly from: number; readonly to: number }
    }

/** An endpoint that waits for attempts. */
export interface OpenEndpoint extends AsyncDisposable {
  readonly url: string
  /** Connections that have not ended. */
  readonly open: number
  /** Requests whose head was read. */
  readonly requests: number
}

/** One way in which endpoints behave, good or bad. */
export interface ZooEndpoint {
  /** In kebab-case; no two are the same. */
  readonly name: string
  /** One sentence whose subject is the endpoint. */
  readonly about: string
  readonly expected: Expected
  /** Bytes that a request's body must have for it; default any number. */
  readonly bodyBytes?: number
  open(grounds: ZooGrounds): Promise<OpenEndpoint>
}

/** Deadline for attempts of which a timeout is expected, and the one that a late answer misses. Milliseconds. */
export const ZOO_TIMEOUT_MS = 1000

export const delivered = (statusCode: number): Expected => ({ outcome: "delivered", statusCode })
export const deliveredInPart: Expected = { outcome: "delivered", statusCode: 200, endless: true }
/** No answer. */
export const failed = (errorClass: ErrorClass, error?: string): Expected => ({
  outcome: "failed",
  errorClass,
  statusCode: 0,
  ...(error === undefined ? {} : { error }),
})
export const timedOut = (stage: string): Expected => failed(ErrorClass.TIMEOUT, stage)

/** Opens an endpoint on plain TCP. */
export const raw =
  (behaviour: RawBehaviour): ZooEndpoint["open"] =>
  () =>
    startRawEndpoint(behaviour)

/** Opens an endpoint that does the same with every request. */
export const onRequest = (act: NonNullable<RawBehaviour["onRequest"]>): ZooEndpoint["open"] => raw({ onRequest: act })

/** Opens an endpoint that answers every request with these bytes. */
export const writes = (bytes: string): ZooEndpoint["open"] => onRequest((socket) => void socket.write(bytes))
