import { setTimeout as wait } from "node:timers/promises"
import { startListening } from "./processes.ts"
import type { Arrived, Trouble } from "./sink.ts"

export interface Sink {
  readonly url: string
  readonly port: number
  /** Resolves with what has come once it is that much. */
  waitFor(count: number, forMs: number): Promise<Arrived>
  arrived(): Promise<Arrived>
  /** Forgets what has come. */
  forget(): Promise<void>
  /** What becomes of every request from now on. */
  trouble(kind: Trouble): Promise<void>
  stop(): Promise<void>
}

const POLL_MS = 20

/** Starts an endpoint on a port of its own. */
export async function startSink(): Promise<Sink> {
  const process = await startListening("sink.ts")
  const url = `http://127.0.0.1:${process.port}`
  const ask = async (method: string, path = "/"): Promise<Arrived> => (await (await fetch(url + path, { method })).json()) as Arrived
  return {
    url,
    port: process.port,
    arrived: () => ask("GET"),
    forget: () => ask("DELETE").then(() => undefined),
    trouble: (kind) => ask("PUT", `/${kind}`).then(() => undefined),
    stop: () => process.stop(),
    async waitFor(count, forMs) {
      const untilMs = performance.now() + forMs
      for (let now = await ask("GET"); ; now = await ask("GET")) {
        if (now.count >= count) return now
        if (performance.now() > untilMs) throw new Error(`only ${now.count} of ${count} arrived within ${forMs} ms`)
        await wait(POLL_MS)
      }
    },
  }
}
