import { Worker } from "node:worker_threads"
import type { SimulationResult } from "./simulation.ts"

export interface SeedRun {
  readonly first: number
  readonly count: number
  /** Threads, each with a time of its own. */
  readonly workers: number
  /** Called in the order in which seeds end. */
  readonly onResult: (seed: number, result: SimulationResult) => void
}

/** Runs so many seeds from the first one on, over several threads; what comes of a seed does not depend on how many. */
export async function runSeeds({ first, count, workers, onResult }: SeedRun): Promise<void> {
  const seeds = Array.from({ length: count }, (_, index) => first + index).values()
  const threads = Array.from({ length: Math.min(workers, count) }, () => new Worker(new URL("./seed-worker.ts", import.meta.url)))
  try {
    await Promise.all(threads.map((thread) => feed(thread, seeds, onResult)))
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
}

/** Sends a thread the next seed whenever it is done with one, until none is left. */
function feed(thread: Worker, seeds: Iterator<number>, onResult: SeedRun["onResult"]): Promise<void> {
  return new Promise((resolve, reject) => {
    let seed: number
    const next = (): void => {
      const { value, done } = seeds.next()
      if (done) return resolve()
      seed = value
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- between threads there is none
      thread.postMessage(seed)
    }
    thread.on("message", (result: SimulationResult) => {
      onResult(seed, result)
      next()
    })
    thread.on("error", reject)
    next()
  })
}
