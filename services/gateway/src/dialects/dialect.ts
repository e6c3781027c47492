import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf"
import type { PublishInput, Refusal } from "@posthorn/core"
import type { PublishResponse, Role } from "@posthorn/proto"
import type { IncomingHttpHeaders } from "node:http"
import type { IngestAccepted } from "../call.ts"
import type { JsonBody } from "../doors/json-body.ts"
import type { PublishJson } from "../doors/publish-json.ts"

/** The HTTP surface of another webhook service, spoken for those who call it already: its paths, field names and status codes, on the RPCs of the contract. */
export interface Dialect {
  readonly name: string
  readonly routes: readonly DialectRoute[]
  /** What the dialect calls the fields that a refusal names, by their paths in the contract (`subscription.url`). */
  readonly fieldNames: Readonly<Record<string, string>>
  /** Whoever calls any of its routes needs this role, besides the one of what the route has done; absent = nothing more. */
  readonly role?: Role
}

export interface DialectRoute {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
  /** Its variables stand in braces (`/subscriptions/{id}`); one named `application` says which application the request is about. */
  readonly path: string
  /** Whatever it does goes through `calls`. A route that calls nothing is open to everybody. */
  readonly answer: (request: DialectRequest, calls: DialectCalls) => Promise<DialectAnswer | Refusal>
}

export interface DialectRequest {
  /** A variable of the path, decoded. Throws when the path has none of that name. */
  variable(name: string): string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** What a sender posted, as received. Each request's body can be read once. */
  raw(): Promise<IngestParts | Refusal>
  /** The body, which must be one JSON object. No bytes say as much as `{}`. */
  json(): Promise<JsonBody | Refusal>
  /** The same of an event that is published, with its bytes: the payload in it travels on as the client wrote it. */
  event(): Promise<PublishJson | Refusal>
}

/** What a route can have done: what the canonical API does, for the same caller, under the same rules. */
export interface DialectCalls {
  /**
   * Carries out a method of the contract. `build` makes the request, once the caller is known to have the method's role: whatever is read of the
   * body is read there. It is told the application that the request is about.
   */
  rpc<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    build: BuildRequest<I>,
  ): Promise<MessageShape<O> | Refusal>
  /** The same for what may be so new that the status views do not show it yet: it is looked for a little longer before it is not found. */
  rpcOnceShown<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    build: BuildRequest<I>,
  ): Promise<MessageShape<O> | Refusal>
  /** Takes in what a sender posts for one subscription, verified as its source says. `shape` makes the answer to what was accepted. */
  ingest(
    subscriptionId: string,
    read: () => Promise<IngestParts | Refusal>,
    shape: (accepted: IngestAccepted) => DialectAnswer,
  ): Promise<DialectAnswer | Refusal>
  /** Publishes an event to the application that the request is about. The header `idempotency-key` goes before what the event says itself. */
  publish(read: () => Promise<PublishInput | Refusal>): Promise<PublishResponse | Refusal>
  /** What `/health` answers. */
  health(): Promise<DialectAnswer>
}

export type BuildRequest<I extends DescMessage> = (
  applicationId: string,
) => MessageInitShape<I> | Refusal | Promise<MessageInitShape<I> | Refusal>

export interface IngestParts {
  readonly body: Buffer
  /** With what the dialect says elsewhere than in a header. */
  readonly headers: IncomingHttpHeaders
}

export interface DialectAnswer {
  readonly status: number
  /** Any JSON value; absent = an answer without a body. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}
