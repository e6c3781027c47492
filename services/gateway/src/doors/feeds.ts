import type { DescMethodServerStreaming, Message } from "@bufbuild/protobuf"
import { isRefusal, type Refusal } from "@posthorn/core"
import type { Access, Call, Handlers } from "../call.ts"
import type { Arrival } from "./arrival.ts"
import { type Entry, operationOf } from "./entry.ts"
import { publicFeeds } from "./methods.ts"
import type { OpenFeed, OpenFeeds } from "./open-feeds.ts"
import { requestRules } from "./request-rules.ts"

/** Where the messages of a feed go. */
export interface FeedSink {
  /** Nothing was refused: the answer begins. Answers whether anybody wants its messages. */
  open(): boolean
  /** Resolves when the client has taken so much that the next message may follow; `undefined` = it may at once. Never, perhaps, when the client goes away. */
  write(message: Message): Promise<void> | undefined
}

/** Serves one feed to its end, and answers how it ended. What ends it before the sink was opened is the answer to the request. */
export type ServeFeed = (
  arrival: Arrival,
  decode: () => Message | Refusal | Promise<Message | Refusal>,
  sink: FeedSink,
) => Promise<"done" | Refusal>

/** What serves each method that answers with a stream. */
export type Feeds = ReadonlyMap<DescMethodServerStreaming, ServeFeed>

export interface FeedsOptions {
  readonly entry: Entry
  readonly handlers: Handlers
  readonly access: Access
  readonly openFeeds: OpenFeeds
}

/** Throws, so that the gateway does not start, when a method has no handler or role, or its rules cannot be compiled. */
export function feedsOf(options: FeedsOptions, methods = publicFeeds): Feeds {
  return new Map(methods.map((method) => [method, feedOf(method, options)]))
}

function feedOf(method: DescMethodServerStreaming, { entry, handlers, access, openFeeds }: FeedsOptions): ServeFeed {
  const operation = operationOf(method)
  const { kind, handler } = handlers.feedOf(method)
  const violates = requestRules(method.input)
  return (arrival, decode, sink) =>
    entry.enter<"done">(operation, arrival, async (call) => {
      const request = await decode()
      if (isRefusal(request)) return request
      const refused = violates(request)
      if (refused !== undefined) return refused
      const judge = async (): Promise<Refusal | undefined> => {
        const caller = await access.authenticate(arrival.authorization, arrival.doorway)
        return isRefusal(caller) ? caller : access.authorize(operation.role, caller)
      }
      const feed = openFeeds.open({ kind, caller: call.caller, gone: call.signal, judge })
      if (isRefusal(feed)) return feed
      try {
        const messages = await handler(request, endingWith(call, feed))
        return isRefusal(messages) ? messages : await pass(messages, sink, feed)
      } finally {
        feed.close()
      }
    })
}

async function pass(messages: AsyncIterable<Message | Refusal>, sink: FeedSink, feed: OpenFeed): Promise<"done" | Refusal> {
  if (!sink.open()) return "done"
  for await (const message of messages) {
    if (isRefusal(message)) return message
    const written = sink.write(message)
    if (written !== undefined) await feed.taken(written)
    if (feed.signal.aborted) break
  }
  return feed.refusal ?? "done"
}

const endingWith = (call: Call, { signal }: OpenFeed): Call => Object.create(call, { signal: { value: signal } }) as Call
