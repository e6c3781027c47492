import { setTimeout as sleep } from "node:timers/promises"

export interface EventuallyOptions {
  /** Milliseconds until giving up; default 15 000, generous because only a test that fails waits for it. */
  readonly timeoutMs?: number
  /** Milliseconds between two checks; default 20. */
  readonly intervalMs?: number
  /** What is waited for, for the message of a failure. */
  readonly what?: string
}

/**
 * Checks again and again until the check holds, and resolves to what it answered. A check holds unless it throws, rejects or answers
 * `false`; so it may be a condition or a block of assertions, and a search says `?? false`. Rejects after the time-out with the last
 * failure as its cause, also when the check hangs.
 */
export async function eventually<T>(check: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<Exclude<T, false>> {
  const { timeoutMs = 15_000, intervalMs = 20, what = "the condition" } = options
  const deadline = Promise.withResolvers<"over">()
  const timer = setTimeout(() => deadline.resolve("over"), timeoutMs)
  let last: unknown
  try {
    for (;;) {
      const result = await Promise.race([deadline.promise, attempt(check)])
      if (result === "over") throw new Error(`${what} did not hold within ${timeoutMs} ms`, { cause: last })
      if (result.held) return result.answer
      last = result.error
      await Promise.race([sleep(intervalMs), deadline.promise])
    }
  } finally {
    clearTimeout(timer)
  }
}

type Result<T> = { readonly held: true; readonly answer: Exclude<T, false> } | { readonly held: false; readonly error: unknown }

async function attempt<T>(check: () => T | Promise<T>): Promise<Result<T>> {
  try {
    const answer = await check()
    // `Exclude` does not narrow by itself for a type parameter.
    return answer === false ? { held: false, error: undefined } : { held: true, answer: answer as Exclude<T, false> }
  } catch (error) {
    return { held: false, error }
  }
}
