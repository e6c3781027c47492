import { Metadata, type ServerUnaryCall } from "@grpc/grpc-js"
import { type Arrival, requestIdOf } from "./arrival.ts"

/** What is asked of calls of every kind. */
interface GrpcCall extends Pick<ServerUnaryCall<unknown, unknown>, "metadata" | "getPeer" | "cancelled"> {
  once(event: "cancelled", listener: () => void): unknown
}

/** A call over gRPC, before anybody knows who makes it. */
export class GrpcArrival implements Arrival {
  readonly door = "grpc"
  readonly requestId: string
  readonly authorization: string | undefined
  readonly idempotencyKey: string | undefined
  readonly ifMatch = undefined
  readonly #call: GrpcCall
  #abort: AbortController | undefined
  #told: Metadata | undefined

  constructor(call: GrpcCall) {
    const text = (name: string): string | undefined => call.metadata.get(name)[0]?.toString()
    this.requestId = requestIdOf(text("x-request-id"))
    this.authorization = text("authorization")
    this.idempotencyKey = text("idempotency-key")
    this.#call = call
  }

  readonly tell = (name: string, value: string): void => {
    this.#told ??= new Metadata()
    this.#told.set(name, value)
  }

  /** What was told so far, to go ahead of the answer; `undefined` = nothing. */
  told(): Metadata | undefined {
    return this.#told
  }

  get remoteAddress(): string {
    return this.#call.getPeer().replace(/:\d+$/, "")
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController()
      this.#call.once("cancelled", () => abort.abort())
      if (this.#call.cancelled) abort.abort()
      this.#abort = abort
    }
    return this.#abort.signal
  }
}
