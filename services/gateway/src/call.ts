/** Where the doors (gRPC, Connect, REST) and what is behind them meet: one handler per RPC, whatever door a request came through. */
import type { IncomingHttpHeaders } from "node:http"
import type { DescMethod, DescMethodServerStreaming, DescMethodUnary, MessageShape } from "@bufbuild/protobuf"
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
  readonly tell: Tell
  /** What the caller repeats the request by; `undefined` = it gave no idempotency key, or the method changes nothing. */
  readonly keyed?: KeyedRequest | undefined
}

/** A request with an idempotency key. */
export interface KeyedRequest {
  readonly method: DescMethodUnary
  readonly key: string
  /** SHA-256 in base64 of all that was asked for, the same at all doors. */
  readonly content: string
  /** Which of several things that the request changes; absent = it changes one. */
  readonly item?: string
}

/** Says something beside the answer, whatever that will be: a header, or leading metadata over gRPC. Without effect once the answer has begun. */
export type Tell = (name: string, value: string) => void

export type Door = "grpc" | "connect" | "rest"

/**
 * Answers one RPC. The caller is authenticated, has the method's role, and the request keeps the rules of the contract.
 * Whether the caller may see what the request names is for the handler to judge.
 */
export type Handler<M extends DescMethodUnary> = (
  request: MessageShape<M["input"]>,
  call: Call,
) => Promise<MessageShape<M["output"]> | Refusal>

/**
 * Answers one request with a stream of messages. Likewise; a refusal instead of the messages is answered as that of any other request, and one among
 * them is the last. The next message is asked for once the client has taken the one before. Ends soon after the call's signal is aborted.
 */
export type FeedHandler<M extends DescMethodServerStreaming> = (
  request: MessageShape<M["input"]>,
  call: Call,
) => Promise<AsyncIterable<MessageShape<M["output"]> | Refusal> | Refusal>

/** `export`: all that there is, as fast as the client takes it. `watch`: what comes, without an end. Each has its own bounds. */
export type FeedKind = "export" | "watch"

export interface Feed {
  readonly kind: FeedKind
  readonly handler: FeedHandler<DescMethodServerStreaming>
}

export type AroundHandler = <M extends DescMethodUnary>(method: M, handler: Handler<M>) => Handler<M>

/** The handlers of a gateway, by full name of the method (`posthorn.v1.KeyService/CreateKey`). */
export class Handlers {
  readonly #byName = new Map<string, Handler<DescMethodUnary>>()
  readonly #feeds = new Map<string, Feed>()
  readonly #around: AroundHandler

  /** @param around what every handler is wrapped in; default nothing */
  constructor(around: AroundHandler = (_, handler) => handler) {
    this.#around = around
  }

  /** Throws when the method has a handler already. */
  register<M extends DescMethodUnary>(method: M, handler: Handler<M>): this {
    const name = methodName(method)
    if (this.#byName.has(name)) throw new Error(`${name} has two handlers`)
    this.#byName.set(name, this.#around(method, handler))
    return this
  }

  /** Likewise for a method that answers with a stream. */
  registerFeed<M extends DescMethodServerStreaming>(method: M, kind: FeedKind, handler: FeedHandler<M>): this {
    const name = methodName(method)
    if (this.#feeds.has(name)) throw new Error(`${name} has two handlers`)
    this.#feeds.set(name, { kind, handler })
    return this
  }

  /** Throws when the method has none. */
  feedOf(method: DescMethodServerStreaming): Feed {
    const feed = this.#feeds.get(methodName(method))
    if (feed === undefined) throw new Error(`${methodName(method)} has no handler`)
    return feed
  }

  /** Throws when the method has none. */
  of(method: DescMethodUnary): Handler<DescMethodUnary> {
    const handler = this.#byName.get(methodName(method))
    if (handler === undefined) throw new Error(`${methodName(method)} has no handler`)
    return handler
  }
}

export function methodName(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`
}

/** A request to `POST /v1/ingest/{subscription}`, before anybody knows who sent it: a signature may stand in for a key. */
export interface IngestInput {
  readonly subscriptionId: string
  readonly doorway?: Doorway | undefined
  /** As received, names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** As received. */
  readonly body: Uint8Array
  readonly requestId: string
  readonly tell: Tell
  readonly remoteAddress: string
}

export interface IngestAccepted {
  readonly eventId: string
  readonly deliveryId: string
  /** What the sender wants to hear back when it only asks whether somebody is there: nothing was accepted then, and the ids are empty. */
  readonly challenge?: string
}

/** Publishing. The doors make `Publish`, `PublishBatch` (an item at a time, all at once) and the ingest route of it. */
export interface PublishPort {
  /** The caller has the role that `Publish` asks for. */
  publish(input: PublishInput, call: Call, appendClass?: AppendClass): Promise<PublishResponse | Refusal>
  /** Authenticates by itself. */
  ingest(input: IngestInput): Promise<IngestAccepted | Refusal>
}

/** What an address says of those who come in by it. */
export interface Doorway {
  /** The one application that it leads to: nobody reaches another one by it. */
  readonly applicationId: string
  /** Whether whoever comes in by it may manage that application, without a key. Only ever so by the operator's configuration. */
  readonly keyless: boolean
}

/** Who may come in. */
export interface Access {
  /** `authorization` is the header as received. */
  authenticate(authorization: string | undefined, doorway?: Doorway): Promise<Caller | Refusal>
  authorize(required: Role, caller: Caller): Refusal | undefined
}

/** A request that was refused. */
export interface RefusedCall {
  /** Full name of the method, or of a route that is none. */
  readonly method: string
  /** `undefined` = nobody knows who it was. */
  readonly caller: Caller | undefined
  readonly code: string
  /** What it named, as the caller wrote it; empty = nothing, or nobody read it. */
  readonly entityId: string
  readonly requestId: string
  readonly remoteAddress: string
}

/** Takes refused requests down. */
export interface RefusalNotes {
  /** Returns at once, and never throws. */
  refused(call: RefusedCall): void
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

export interface FeedEvents {
  /** How many streams of a kind are open now; whenever that changes. */
  feedsOpen(kind: FeedKind, count: number): void
}
