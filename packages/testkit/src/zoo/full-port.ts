import { once } from "node:events"
import { connect } from "node:net"
import { Worker } from "node:worker_threads"
import type { OpenEndpoint } from "./zoo-endpoint.ts"

/** Connections that a backlog of 1 holds, and some more. */
const FILLING = 4

/** A loopback port whose queue of new connections is full, so that further ones wait as if they were addressed to a machine that is gone. */
export async function startFullPort(): Promise<OpenEndpoint> {
  const worker = new Worker(new URL("blocked-listener.ts", import.meta.url))
  const [port] = (await once(worker, "message")) as [number]
  const filling = Array.from({ length: FILLING }, () => connect(port, "127.0.0.1").on("error", () => undefined))
  await Promise.any(filling.map((socket) => once(socket, "connect")))
  return {
    url: `http://127.0.0.1:${port}/`,
    open: 0,
    requests: 0,
    async [Symbol.asyncDispose]() {
      for (const socket of filling) socket.destroy()
      await worker.terminate()
    },
  }
}
