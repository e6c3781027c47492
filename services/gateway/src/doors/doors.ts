import { assert } from "@posthorn/core"
import { IngestService } from "@posthorn/proto"
import type { Access, DoorEvents, FeedEvents, Handlers, PublishPort, RefusalNotes } from "../call.ts"
import { dialectDoor } from "../dialects/dialect-door.ts"
import { dialects } from "../dialects/dialects.ts"
import type { RootDialect } from "../dialects/root-dialect.ts"
import { connectDoor } from "./connect.ts"
import { corsOf } from "./cors.ts"
import { docsDoor } from "./docs.ts"
import { Entry, invokersOf } from "./entry.ts"
import type { HttpDoor } from "./exchange.ts"
import { feedsOf } from "./feeds.ts"
import { openGrpcServer } from "./grpc.ts"
import { openHttpServer } from "./http-server.ts"
import { OpenFeeds, type OpenFeedsOptions } from "./open-feeds.ts"
import { pagesDoor, type Probes } from "./pages.ts"
import { publishBatchOf } from "./publish-batch.ts"
import { publicStreams } from "./methods.ts"
import { publishDoor } from "./publish-door.ts"
import { registerPublish } from "./publish-handlers.ts"
import { publishStreamOf } from "./publish-stream.ts"
import { restDoor } from "./rest.ts"

export interface DoorsOptions {
  readonly host: string
  /** 0 = any free one, likewise for gRPC. */
  readonly httpPort: number
  readonly grpcPort: number
  /** Origins whose pages may read answers; empty = none, `*` = all. */
  readonly corsOrigins: readonly string[]
  readonly access: Access
  /** One for every method of the contract but those of `IngestService`, which are made of `publish`. */
  readonly handlers: Handlers
  readonly publish: PublishPort
  readonly events: DoorEvents & FeedEvents
  /** Takes refused requests down; absent = nobody does. */
  readonly refusals?: RefusalNotes
  readonly probes: Probes
  /** The dialect that is spoken at the root as well. */
  readonly rootDialect?: RootDialect | undefined
  /** See `HttpServerOptions`. */
  readonly graceMs?: number | undefined
  /** Likewise. */
  readonly requestTimeoutMs?: number | undefined
  /** See `OpenFeedsOptions`. */
  readonly feeds?: Pick<OpenFeedsOptions, "bounds" | "checkMs" | "stallMs">
  /** Further parts of the HTTP surface, asked after those of the API. */
  readonly more?: readonly HttpDoor[]
}

export interface Doors {
  readonly httpPort: number
  readonly grpcPort: number
  /** `/readyz` and gRPC health say no from the first moment; then both ports drain. */
  close(): Promise<void>
}

/** Opens both ports. Throws, before either is open, when a method of the contract lacks a handler, a role or a route. */
export async function openDoors(options: DoorsOptions): Promise<Doors> {
  const { access, handlers, events, publish, host } = options
  const entry = new Entry(access, events, options.refusals)
  const publishBatch = publishBatchOf(publish, events)
  registerPublish(handlers, publish, publishBatch)
  const invokers = invokersOf(entry, handlers)
  const failed = (path: string, requestId: string, cause: unknown) => events.requestFailed({ door: "rest", method: path, requestId, cause })
  const streams = new Map([[IngestService.method.publishStream, publishStreamOf({ entry, access, port: publish, events })]])
  assert(publicStreams.length === streams.size, "every stream of the contract is served")
  const draining = new AbortController()
  const openFeeds = new OpenFeeds({ ...options.feeds, draining: draining.signal, events })
  const feeds = feedsOf({ entry, handlers, access, openFeeds })
  const doors = [
    publishDoor(entry, publish, publishBatch),
    dialectDoor({ entry, invokers, publish, probes: options.probes, dialects, root: options.rootDialect, failed }),
    pagesDoor(options.probes, () => draining.signal.aborted, failed),
    docsDoor(failed),
    restDoor(invokers, feeds),
    connectDoor(invokers, feeds),
    ...(options.more ?? []),
  ]
  const http = await openHttpServer({
    host,
    port: options.httpPort,
    doors,
    cors: corsOf(options.corsOrigins),
    failed,
    graceMs: options.graceMs,
    requestTimeoutMs: options.requestTimeoutMs,
  })
  const grpc = await openGrpcServer({ host, port: options.grpcPort, invokers, feeds, streams }).catch(async (error: unknown) => {
    await http.close()
    throw error
  })
  return {
    httpPort: http.port,
    grpcPort: grpc.port,
    close: async () => {
      draining.abort()
      await Promise.all([http.close(), grpc.close()])
    },
  }
}
