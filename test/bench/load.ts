/**
 * A load generator as a process of its own: reads its plan, and prints what came of it when it is through or is asked to end (SIGTERM).
 * Raw sockets, one request in flight on each: it costs a fraction of what it measures. Without a rate it is a closed loop, every connection
 * sends again when it has its answer; with one it is an open loop, which sends when it is time and does not wait for answers.
 */
import { text } from "node:stream/consumers"
import { setTimeout as wait } from "node:timers/promises"
import { PostConnection } from "./post-connection.ts"

/** In a body of a plan with a rate: replaced by the time of sending, in milliseconds of the clock that all processes of the machine share. */
export const SENT_AT = '"@sentAt@"'

export interface LoadPlan {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** Sent in turn. */
  readonly bodies: readonly string[]
  /** Connections, and so the most requests that are in flight. */
  readonly connections: number
  /** Makes it an open loop. A request for which no connection is free is not sent, and counts as unsent. */
  readonly perSecond?: number
  /** Ends after as many requests … */
  readonly requests?: number
  /** … or as much time, whichever is first. Milliseconds. */
  readonly forMs: number
  readonly expectStatus: number
}

export interface LoadResult {
  readonly answers: number
  readonly wrong: number
  readonly unsent: number
  /** Unix milliseconds at which the first request was sent. */
  readonly startedAtMs: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
}

class Load {
  readonly #plan: LoadPlan
  readonly #latencies: number[] = []
  readonly #startedAtMs = Date.now()
  readonly #started = performance.now()
  #sent = 0
  #wrong = 0
  #unsent = 0
  #ended = false

  constructor(plan: LoadPlan) {
    this.#plan = plan
  }

  async closedLoop(): Promise<void> {
    const { bodies, connections } = this.#plan
    const requests = bodies.map((body) => this.#requestOf(body))
    await Promise.all(
      Array.from({ length: connections }, async () => {
        const connection = new PostConnection(this.#plan)
        while (this.#goesOn()) {
          const request = requests[this.#sent++ % requests.length]
          if (request === undefined || !(await this.#exchange(connection, request))) break
        }
        connection.close()
      }),
    )
  }

  async openLoop(perSecond: number): Promise<void> {
    const { bodies, connections } = this.#plan
    // Opened when needed: a server closes connections that say nothing at first.
    const all: PostConnection[] = []
    const idle: PostConnection[] = []
    const open = (): PostConnection | undefined => {
      if (all.length === connections) return undefined
      const connection = new PostConnection(this.#plan)
      all.push(connection)
      return connection
    }
    const underWay = new Set<Promise<void>>()
    for (let due = 0; this.#goesOn(); due++) {
      const waitMs = (due * 1000) / perSecond - (performance.now() - this.#started)
      if (waitMs > 0) await wait(waitMs)
      const body = (bodies[this.#sent++ % bodies.length] ?? "").replace(SENT_AT, (Number(process.hrtime.bigint()) / 1e6).toFixed(3))
      const connection = idle.pop() ?? open()
      if (connection === undefined) {
        this.#unsent++
        continue
      }
      const exchange = this.#exchange(connection, this.#requestOf(body)).then((alive) => {
        underWay.delete(exchange)
        if (alive) idle.push(connection)
      })
      underWay.add(exchange)
    }
    await Promise.all(underWay)
    for (const connection of all) connection.close()
  }

  /** Sends nothing more. */
  end(): void {
    this.#ended = true
  }

  result(): LoadResult {
    const latencies = this.#latencies.toSorted((a, b) => a - b)
    const at = (share: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
    return {
      answers: latencies.length,
      wrong: this.#wrong,
      unsent: this.#unsent,
      startedAtMs: this.#startedAtMs,
      seconds: (performance.now() - this.#started) / 1000,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
    }
  }

  #goesOn(): boolean {
    const { forMs, requests } = this.#plan
    return !this.#ended && performance.now() - this.#started < forMs && (requests === undefined || this.#sent < requests)
  }

  /** Answers whether the connection can be used again. */
  async #exchange(connection: PostConnection, request: Buffer): Promise<boolean> {
    const begin = performance.now()
    const status = await connection.post(request)
    this.#latencies.push(performance.now() - begin)
    if (status !== this.#plan.expectStatus) this.#wrong++
    return status !== 0
  }

  #requestOf(body: string): Buffer {
    const { path, host, port, headers } = this.#plan
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
    return Buffer.from(
      [`POST ${path} HTTP/1.1`, `host: ${host}:${port}`, ...lines, `content-length: ${Buffer.byteLength(body)}`, "", body].join("\r\n"),
    )
  }
}

if (import.meta.main) {
  const plan = JSON.parse(await text(process.stdin)) as LoadPlan
  const load = new Load(plan)
  process.once("SIGTERM", () => load.end())
  await (plan.perSecond === undefined ? load.closedLoop() : load.openLoop(plan.perSecond))
  process.stdout.write(`${JSON.stringify(load.result())}\n`)
}
