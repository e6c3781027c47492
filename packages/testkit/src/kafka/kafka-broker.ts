import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import { createInterface } from "node:readline"

const READY = "Kafka Server started"
const START_TIMEOUT_MS = 120_000
const STOP_TIMEOUT_MS = 20_000
const TAIL_LINES_MAX = 50

/** Ends a process and deletes its folder once ours is no more, however it ended: then the pipe that it reads closes. Answers how to call it off. */
function endWithUs(pid: number, folder: string): () => void {
  const watcher = spawn("sh", ["-c", 'cat > /dev/null; kill -9 "$0"; rm -rf "$1"', String(pid), folder], {
    stdio: ["pipe", "ignore", "ignore"],
  })
  return () => void watcher.kill("SIGKILL")
}

/** One Kafka broker as a child process. Its data and address outlive stops. It ends with this process. */
export class KafkaBroker {
  readonly address: string
  readonly #home: string
  readonly #javaArguments: readonly string[]
  #process: ChildProcess | undefined
  #kills = 0

  constructor(options: { address: string; home: string; javaArguments: readonly string[] }) {
    this.address = options.address
    this.#home = options.home
    this.#javaArguments = options.javaArguments
  }

  /** Process id while it runs. */
  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** How often it was ended with `SIGKILL`. */
  get kills(): number {
    return this.#kills
  }

  /** Resolves once the broker serves. The first start needs a quorum: start the brokers of a cluster together. */
  async start(): Promise<void> {
    const child = spawn("java", [...this.#javaArguments, "kafka.Kafka", join(this.#home, "server.properties")], {
      stdio: ["ignore", "ignore", "pipe"],
    })
    this.#process = child
    const callOff = child.pid === undefined ? () => {} : endWithUs(child.pid, this.#home)
    const tail: string[] = []
    const started = Promise.withResolvers<void>()
    createInterface(child.stderr).on("line", (line) => {
      if (tail.push(line) > TAIL_LINES_MAX) tail.shift()
      if (line.includes(READY)) started.resolve()
    })
    child.once("error", (error) => started.reject(error))
    child.once("exit", (code, signal) => {
      callOff()
      if (this.#process === child) this.#process = undefined
      started.reject(new Error(`Kafka ended (${code ?? signal}):\n${tail.join("\n")}`))
    })
    const timer = setTimeout(() => {
      started.reject(new Error(`Kafka was not ready within ${START_TIMEOUT_MS} ms:\n${tail.join("\n")}`))
      child.kill("SIGKILL")
    }, START_TIMEOUT_MS)
    await started.promise.finally(() => clearTimeout(timer))
  }

  /** `SIGTERM` hands leaderships over first, `SIGKILL` is the crash. Data stay; `start` comes back on the same port. */
  async stop(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#process
    if (child === undefined) return
    if (signal === "SIGKILL") this.#kills++
    const ended = once(child, "exit")
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS)
    child.kill(signal)
    await ended.finally(() => clearTimeout(timer))
  }

  /** Freezes the broker with its connections open, or lets it go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#process?.kill(signal)
  }

  /** Kills the broker and deletes its data. */
  async remove(): Promise<void> {
    await this.stop("SIGKILL")
    await rm(this.#home, { recursive: true, force: true })
  }
}
