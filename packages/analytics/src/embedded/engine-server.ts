/** The child process that owns the engine. Its parent sends what to serve, gets the port back, and ends it by closing the channel. */
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { limits } from "@posthorn/core"
import type { EngineOrder } from "./embedded-clickhouse.ts"
import type { Engine } from "./chdb-engine.ts"
import { engineListener } from "./engine-http.ts"

// The parent drains first and still writes while it does: a signal to the whole process group must not end the engine before that.
process.on("SIGINT", () => {})
process.on("SIGTERM", () => {})
// The parent is gone, whatever ended it. A clean exit would wait for queries, and keep the data directory from the next engine.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"))

const [order] = (await once(process, "message")) as [EngineOrder]

// Listening comes before loading the engine's large library: callers connect at once and wait for their first answer.
const engine = Promise.withResolvers<Engine>()
const server = createServer({ keepAliveTimeout: 10_000 }, engineListener(engine.promise, order.password))
server.maxConnections = limits.ENGINE_CONNECTIONS_MAX
server.listen(order.port, "127.0.0.1")
await once(server, "listening")
// A parent that is gone already needs no answer: losing it ends this process anyway.
process.send?.({ port: (server.address() as AddressInfo).port }, undefined, undefined, () => undefined)

const { openChdbEngine } = await import("./chdb-engine.ts")
engine.resolve(openChdbEngine(order.dataDir))
