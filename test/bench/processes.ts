import { fork, spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import type { GrpcLoadPlan, GrpcLoadResult } from "./grpc-load.ts"
import type { LoadPlan, LoadResult } from "./load.ts"

const here = import.meta.dirname

/** A process that prints its port and ends with its parent. */
export interface Listening {
  readonly port: number
  readonly pid: number
  stop(): Promise<void>
}

export async function startListening(file: string): Promise<Listening> {
  const child = fork(join(here, file), [], { stdio: ["ignore", "pipe", "inherit", "ipc"] })
  const [line] = (await once(child.stdout!, "data")) as [Buffer]
  return { port: Number(line.toString()), pid: child.pid!, stop: () => stop(child) }
}

/** Asks a process to end, and waits until it has. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, "exit")
  child.kill("SIGTERM")
  await ended
}

interface Running<T> {
  /** The JSON that the file prints at its end. */
  readonly result: Promise<T>
  /** Asks it to come to its end. */
  end(): void
}

/** Runs a file with some input. */
function run<T>(file: string, args: readonly string[], input = ""): Running<T> {
  const child = spawn(process.execPath, [join(here, file), ...args], { stdio: ["pipe", "pipe", "inherit"] })
  let printed = ""
  child.stdout.on("data", (part: Buffer) => void (printed += part.toString()))
  child.stdin.end(input)
  const result = once(child, "close").then(([code]) => {
    if (code !== 0) throw new Error(`${file} ended with ${String(code)}`)
    return JSON.parse(printed) as T
  })
  return { result, end: () => void child.kill("SIGTERM") }
}

/** Runs a file to its end and answers the JSON that it prints. */
export const runJson = <T>(file: string, args: readonly string[]): Promise<T> => run<T>(file, args).result

export const startLoad = (plan: LoadPlan): Running<LoadResult> => run<LoadResult>("load.ts", [], JSON.stringify(plan))
export const load = (plan: LoadPlan): Promise<LoadResult> => startLoad(plan).result

export const grpcLoad = (plan: GrpcLoadPlan): Promise<GrpcLoadResult> =>
  run<GrpcLoadResult>("grpc-load.ts", [], JSON.stringify(plan)).result
