/**
 * A load generator as a process of its own: `node load.ts <json>`; prints one line of JSON.
 * Closed loop over raw sockets, one request in flight on each: it costs a fraction of what it measures.
 */
import { connect, type Socket } from "node:net"

export interface LoadPlan {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly connections: number
  /** Ends after as many answers … */
  readonly requests?: number
  /** … or as much time, whichever is first. Milliseconds. */
  readonly forMs: number
  readonly expectStatus: number
}

export interface LoadResult {
  readonly answers: number
  readonly wrong: number
  /** Unix milliseconds at which the first request was sent. */
  readonly startedAtMs: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const HEADER_END = Buffer.from("\r\n\r\n")

async function run(plan: LoadPlan): Promise<LoadResult> {
  const request = Buffer.from(
    [
      `POST ${plan.path} HTTP/1.1`,
      `host: ${plan.host}:${plan.port}`,
      ...Object.entries(plan.headers).map(([name, value]) => `${name}: ${value}`),
      `content-length: ${Buffer.byteLength(plan.body)}`,
      "",
      plan.body,
    ].join("\r\n"),
  )
  const latencies: number[] = []
  let [sent, wrong] = [0, 0]
  const startedAtMs = Date.now()
  const started = performance.now()
  const goesOn = (): boolean => performance.now() - started < plan.forMs && (plan.requests === undefined || sent < plan.requests)
  await Promise.all(
    Array.from({ length: plan.connections }, async () => {
      const socket = connect(plan.port, plan.host).setNoDelay(true)
      const status = statusReader(socket)
      while (goesOn()) {
        sent++
        const begin = performance.now()
        socket.write(request)
        const code = await status()
        latencies.push(performance.now() - begin)
        if (code !== plan.expectStatus) wrong++
        if (code === 0) break
      }
      socket.destroy()
    }),
  )
  const seconds = (performance.now() - started) / 1000
  latencies.sort((a, b) => a - b)
  const at = (share: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  return { answers: latencies.length, wrong, startedAtMs, seconds, p50Ms: at(0.5), p99Ms: at(0.99) }
}

/** Answers the status of the next response on a connection; 0 when the connection is gone. Understands answers with a content-length. */
function statusReader(socket: Socket): () => Promise<number> {
  let buffered: Buffer = Buffer.alloc(0)
  let waiting: ((status: number) => void) | undefined
  let ended = false
  const settle = (status: number): void => {
    const resolve = waiting
    waiting = undefined
    resolve?.(status)
  }
  const parse = (): void => {
    const end = buffered.indexOf(HEADER_END)
    if (end < 0) return
    const head = buffered.toString("latin1", 0, end)
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
    if (buffered.length < end + 4 + length) return
    buffered = buffered.subarray(end + 4 + length)
    settle(Number(head.slice(9, 12)))
  }
  socket.on("data", (chunk) => {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk])
    parse()
  })
  const gone = (): void => {
    ended = true
    settle(0)
  }
  socket.on("error", gone).on("close", gone)
  return () =>
    new Promise((resolve) => {
      waiting = resolve
      if (ended) gone()
    })
}

const [plan] = process.argv.slice(2)
if (plan !== undefined) process.stdout.write(`${JSON.stringify(await run(JSON.parse(plan) as LoadPlan))}\n`)
