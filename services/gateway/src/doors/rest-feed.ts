import type { Message, DescField, DescMethodServerStreaming } from "@bufbuild/protobuf"
import { isFieldSet } from "@bufbuild/protobuf"
import { isRefusal, limits, type Refusal } from "@posthorn/core"
import { restError } from "../error-boundary.ts"
import type { Exchange } from "./exchange.ts"
import type { FeedSink, ServeFeed } from "./feeds.ts"
import type { Binding } from "./rest-binding.ts"
import { restJson } from "./rest-encode.ts"
import { requestOf } from "./rest-request.ts"
import { resumeFieldOf, resumeTokenOf } from "./resume-field.ts"

/** How messages are written one after the other. */
interface Framing {
  readonly contentType: string
  /** Before all of them. */
  readonly opening: string
  message(json: string, token: string): string
  /** Nothing happened, up to here. */
  heartbeat(json: string, token: string): string
  /** After the last one; `error` is JSON, and absent when all that was asked for has been sent. */
  closing(error: string | undefined): string
}

/** One object a line. */
const LINES: Framing = {
  contentType: "application/x-ndjson",
  opening: "",
  message: (json) => `${json}\n`,
  heartbeat: (json) => `${json}\n`,
  closing: (error) => (error === undefined ? "" : `{"error":${error}}\n`),
}

const idLine = (token: string): string => (token === "" ? "" : `id: ${token}\n`)

/** As browsers read it. JSON has no line breaks inside, and tokens are plain. */
const EVENTS: Framing = {
  contentType: "text/event-stream",
  opening: `retry: ${limits.FEED_RETRY_MS}\n\n`,
  message: (json, token) => `${idLine(token)}data: ${json}\n\n`,
  // A block without data is not dispatched, but its id counts.
  heartbeat: (_, token) => `:\n${idLine(token)}\n`,
  closing: (error) => (error === undefined ? "event: end\ndata: {}\n\n" : `data: {"error":${error}}\n\n`),
}

const ACCEPTS_EVENTS = /(^|,)\s*text\/event-stream\s*(;|,|$)/i

/** Answers a request with a stream over REST: lines of JSON, or server-sent events when the client accepts those. */
export async function answerFeed(
  exchange: Exchange,
  { binding, serve }: { readonly binding: Binding<DescMethodServerStreaming>; readonly serve: ServeFeed },
  variables: ReadonlyMap<string, string>,
): Promise<void> {
  const resumeField = resumeFieldOf(binding.method)
  const { headers } = exchange.request
  const sink = new RestSink(exchange, resumeField, ACCEPTS_EVENTS.test(headers.accept ?? "") ? EVENTS : LINES)
  const query = new URLSearchParams(exchange.queryText)
  const last = headers["last-event-id"]
  // A browser that opens the stream again asks the same address, and says how far it was by this header.
  if (typeof last === "string" && last !== "") {
    query.delete(resumeField.name)
    query.set(resumeField.jsonName, last)
  }
  sink.end(await serve(exchange, () => requestOf(binding, { variables, query, body: undefined, etag: undefined }), sink))
}

class RestSink implements FeedSink {
  readonly #exchange: Exchange
  readonly #resumeField: DescField
  readonly #framing: Framing
  #opened = false

  constructor(exchange: Exchange, resumeField: DescField, framing: Framing) {
    this.#exchange = exchange
    this.#resumeField = resumeField
    this.#framing = framing
  }

  open(): boolean {
    this.#opened = true
    return this.#exchange.begin(200, { "content-type": this.#framing.contentType, "x-accel-buffering": "no" }, this.#framing.opening)
  }

  write(message: Message): Promise<void> | undefined {
    const token = resumeTokenOf(this.#resumeField, message)
    const desc = this.#resumeField.parent
    const says = desc.fields.some((field) => field !== this.#resumeField && isFieldSet(message, field))
    const json = JSON.stringify(restJson(desc, message, true))
    return this.#exchange.write(says ? this.#framing.message(json, token) : this.#framing.heartbeat(json, token))
  }

  end(result: "done" | Refusal): void {
    if (isRefusal(result) && !this.#opened) return this.#exchange.refuse(result)
    const error = isRefusal(result) ? restError(result, this.#exchange.requestId).body : undefined
    this.#exchange.finish(this.#framing.closing(error), limits.FEED_FLUSH_MS)
  }
}
