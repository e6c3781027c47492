/** Where the doors (gRPC, Connect, REST) and what is behind them meet: one handler per RPC, whatever door a request came through. */
import type { IncomingHttpHeaders } from "node:http"
import type { DescMethodUnary, MessageShape } from "@bufbuild/protobuf"
import type { PublishInput, Refusal } from "@posthorn/core"
import type { AppendClass } from "@posthorn/log"
import type { PublishResponse, Role } from "@posthorn/proto"

/** Who calls. */
export interface Caller {
  readonly role: Role
  /** The one application that the caller's key belongs to; `undefined` = the operator, who may act in every one. */
  readonly applicationId: string | undefined
  readonly keyId: string
}

/** What surrounds a request. */
export interface Call {
  readonly caller: Caller
  readonly requestId: string
  /** Aborted when the client goes away or its deadline passes. */
  readonly signal: AbortSignal
  readonly remoteAddress: string
  /** The etag of `If-Match`, without quotes; the doors have already put it into the request where the contract has a field for it. */
  readonly ifMatch: string | undefined
  readonly door: Door
}

export type Door = "grpc" | "connect" | "rest"

/**
 * Answers one RPC. The caller is authenticated, has the method's role, and the request keeps the rules of the contract.
 * Whether the caller may see what the request names is for the handler to judge.
 */
export type Handler<M extends DescMethodUnary> = (
  request: MessageShape<M["input"]>,
  call: Call,
) => Promise<MessageShape<M["output"]> | Refusal>

/** The handlers of a gateway, by full name of the method (`posthorn.v1.KeyService/CreateKey`). */
export class Handlers {
  readonly #byName = new Map<string, Handler<DescMethodUnary>>()

  /** Throws when the method has a handler already. */
  register<M extends DescMethodUnary>(method: M, handler: Handler<M>): this {
    const name = methodName(method)
    if (this.#byName.has(name)) throw new Error(`${name} has two handlers`)
    this.#byName.set(name, handler)
    return this
  }

  /** Throws when the method has none. */
  of(method: DescMethodUnary): Handler<DescMethodUnary> {
    const handler = this.#byName.get(methodName(method))
    if (handler === undefined) throw new Error(`${methodName(method)} has no handler`)
    return handler
  }
}

export function methodName(method: DescMethodUnary): string {
  return `${method.parent.typeName}/${method.name}`
}

/** A request to `POST /v1/ingest/{subscription}`, before anybody knows who sent it: a signature may stand in for a key. */
export interface IngestInput {
  readonly subscriptionId: string
  /** As received, names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** As received. */
  readonly body: Uint8Array
  readonly requestId: string
  readonly remoteAddress: string
}

export interface IngestAccepted {
  readonly eventId: string
  readonly deliveryId: string
}

/** Publishing. The doors make `Publish`, `PublishBatch` (an item at a time, all at once) and the ingest route of it. */
export interface PublishPort {
  /** The caller has the role that `Publish` asks for. */
  publish(input: PublishInput, call: Call, appendClass?: AppendClass): Promise<PublishResponse | Refusal>
  /** Authenticates by itself. */
  ingest(input: IngestInput): Promise<IngestAccepted | Refusal>
}

/** Who may come in. */
export interface Access {
  /** `authorization` is the header as received. */
  authenticate(authorization: string | undefined): Promise<Caller | Refusal>
  authorize(required: Role, caller: Caller): Refusal | undefined
}

/** What the doors tell about requests; written to logs and metrics elsewhere. */
export interface DoorEvents {
  /** Once per request, whatever its end. `code` is `ok` or a refusal's; `method` a method's full name or a route's, never what the client sent. */
  requestFinished(facts: {
    readonly door: Door
    readonly method: string
    readonly code: string
    readonly durationMs: number
    readonly requestId: string
  }): void
  /** A fault of ours that was answered `internal` or `unavailable`. The cause is for our log and never sent. */
  requestFailed(facts: { readonly door: Door; readonly method: string; readonly requestId: string; readonly cause: unknown }): void
}
