import { setTimeout as wait } from "node:timers/promises"
import { LogUnavailable } from "@posthorn/log"
import type { Progress } from "./progress.ts"

const TRIES_MAX = 8
const WAIT_MS = 250

/** A log or store that is away for a moment is asked again. */
export async function retrying<T>(
  work: () => Promise<T>,
  { progress, signal }: { readonly progress: Progress; readonly signal: AbortSignal },
): Promise<T> {
  for (let tries = 1; ; tries++) {
    signal.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      const retryable = error instanceof LogUnavailable || (error instanceof Error && "retryable" in error && error.retryable === true)
      if (!retryable || tries === TRIES_MAX) throw error
      progress.say(`${error.message}; trying again`)
      await wait(WAIT_MS * 2 ** tries, undefined, { signal })
    }
  }
}
