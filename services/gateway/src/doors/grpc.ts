import { createServer, type AddressInfo, type Server as Listener } from "node:net"
import { setTimeout as wait } from "node:timers/promises"
import { Server, ServerCredentials } from "@grpc/grpc-js"
import { limits } from "@posthorn/core"
import { HealthImplementation } from "grpc-health-check"
import type { Invokers } from "./entry.ts"
import type { Feeds } from "./feeds.ts"
import { grpcDefinition, grpcImplementation, type Streams } from "./grpc-methods.ts"
import { reflection } from "./grpc-reflection.ts"
import { publicServices } from "./methods.ts"

export interface GrpcServer {
  readonly port: number
  /** Says NOT_SERVING, takes no new calls, and resolves when those under way are answered or `DRAIN_MS` has passed. */
  close(): Promise<void>
}

export interface GrpcServerOptions {
  readonly host: string
  /** 0 = any free one. */
  readonly port: number
  readonly invokers: Invokers
  readonly feeds: Feeds
  readonly streams: Streams
}

/** A server with its bounds, and no services yet. */
export function newGrpcServer(): Server {
  return new Server({
    "grpc.max_receive_message_length": limits.REQUEST_BYTES_MAX,
    "grpc.max_send_message_length": -1,
    "grpc.max_concurrent_streams": limits.GRPC_STREAMS_MAX,
    "grpc.keepalive_time_ms": limits.GRPC_KEEPALIVE_MS,
    "grpc.keepalive_timeout_ms": limits.GRPC_KEEPALIVE_TIMEOUT_MS,
    "grpc.max_connection_idle_ms": limits.GRPC_IDLE_MS,
    "grpc-node.max_session_memory": limits.GRPC_SESSION_MIB,
  })
}

/** Opens the gRPC port: every service of the contract, health, and reflection. */
export async function openGrpcServer({ host, port, invokers, feeds, streams }: GrpcServerOptions): Promise<GrpcServer> {
  const server = newGrpcServer()
  const underWay = new Set<Promise<void>>()
  const track = (call: Promise<void>) => {
    underWay.add(call)
    void call.finally(() => underWay.delete(call))
  }
  const draining = new AbortController()
  const work = { invokers, feeds, streams, draining: draining.signal, track }
  for (const service of publicServices) server.addService(grpcDefinition(service.methods), grpcImplementation(service, work))
  const names = ["", ...publicServices.map((service) => service.typeName)]
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, "SERVING"])))
  health.addToServer(server)
  reflection().addToServer(server)
  const listener = await listenForGrpc(server, host, port)
  return {
    port: (listener.address() as AddressInfo).port,
    close: async () => {
      for (const name of names) health.setStatus(name, "NOT_SERVING")
      draining.abort()
      await drain(server, listener, underWay)
    },
  }
}

/** Listens for the server, which does not bound the number of its connections itself. */
export async function listenForGrpc(server: Server, host: string, port: number): Promise<Listener> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  const listener = createServer({ noDelay: true }, (socket) => injector.injectConnection(socket))
  listener.maxConnections = limits.CONNECTIONS_MAX
  listener.once("error", reject)
  listener.listen(port, host, resolve)
  await promise
  listener.off("error", reject)
  return listener
}

/** Streams of health and reflection may stay open for as long as a client likes: only calls are waited for, and a moment for their answers to get out. */
async function drain(server: Server, listener: Listener, underWay: ReadonlySet<Promise<void>>): Promise<void> {
  const timers = new AbortController()
  const pause = (ms: number) => wait(ms, undefined, { signal: timers.signal })
  // The server calls back too early: it does not know the connections that it was given.
  server.tryShutdown(() => undefined)
  const closed = new Promise<void>((resolve) => listener.close(() => resolve()))
  const answered = Promise.allSettled(underWay).then(() => pause(limits.ANSWER_FLUSH_MS))
  const drained = Promise.race([closed, answered, pause(limits.DRAIN_MS)])
  await drained
  server.forceShutdown()
  timers.abort()
}
