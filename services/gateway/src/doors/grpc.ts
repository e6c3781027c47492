import { setTimeout as wait } from "node:timers/promises"
import { Server, ServerCredentials } from "@grpc/grpc-js"
import { limits } from "@posthorn/core"
import { HealthImplementation } from "grpc-health-check"
import type { Invokers } from "./entry.ts"
import { grpcDefinition, grpcImplementation } from "./grpc-methods.ts"
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
}

/** Opens the gRPC port: every service of the contract, health, and reflection. */
export async function openGrpcServer({ host, port, invokers }: GrpcServerOptions): Promise<GrpcServer> {
  const server = new Server({
    "grpc.max_receive_message_length": limits.REQUEST_BYTES_MAX,
    "grpc.max_send_message_length": -1,
    "grpc.max_concurrent_streams": limits.GRPC_STREAMS_MAX,
    "grpc.keepalive_time_ms": limits.GRPC_KEEPALIVE_MS,
    "grpc.keepalive_timeout_ms": limits.GRPC_KEEPALIVE_TIMEOUT_MS,
  })
  const underWay = new Set<Promise<void>>()
  const track = (call: Promise<void>) => {
    underWay.add(call)
    void call.finally(() => underWay.delete(call))
  }
  for (const service of publicServices) server.addService(grpcDefinition(service), grpcImplementation(service, invokers, track))
  const names = ["", ...publicServices.map((service) => service.typeName)]
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, "SERVING"])))
  health.addToServer(server)
  reflection().addToServer(server)
  const bound = await bind(server, host, port)
  return {
    port: bound,
    close: async () => {
      for (const name of names) health.setStatus(name, "NOT_SERVING")
      await drain(server, underWay)
    },
  }
}

async function bind(server: Server, host: string, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
  server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error)))
  return promise
}

/** Streams of health and reflection may stay open for as long as a client likes: only calls are waited for, and a moment for their answers to get out. */
async function drain(server: Server, underWay: ReadonlySet<Promise<void>>): Promise<void> {
  const timers = new AbortController()
  const pause = (ms: number) => wait(ms, undefined, { signal: timers.signal })
  const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
  const answered = Promise.allSettled(underWay).then(() => pause(limits.ANSWER_FLUSH_MS))
  const drained = Promise.race([closed, answered, pause(limits.DRAIN_MS)])
  await drained
  server.forceShutdown()
  timers.abort()
}
