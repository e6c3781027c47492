/** A thread of `runSeeds`: runs the seeds that it is sent, one at a time. Time and timers are replaced in this thread alone. */
import { parentPort } from "node:worker_threads"
import { simulate } from "./simulation.ts"

parentPort?.on("message", (seed: number) => {
  void simulate(seed).then((result) => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- between threads there is none
    parentPort?.postMessage(result)
  })
})
