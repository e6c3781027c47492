import { setTimeout as wait } from "node:timers/promises"
import { limits } from "@posthorn/core"

/** Does something again, with growing waits, until it succeeds. Resolves to `undefined` when the signal is aborted before that. */
export async function persist<Result>(
  work: () => Promise<Result>,
  { signal, failed }: { readonly signal: AbortSignal; readonly failed: (error: unknown) => void },
): Promise<Result | undefined> {
  for (let waitMs = limits.PROJECT_RETRY_MS; ; waitMs = Math.min(waitMs * 2, limits.PROJECT_RETRY_MS_MAX)) {
    try {
      return await work()
    } catch (error) {
      failed(error)
    }
    // Aborting ends the wait; nothing else can reject it.
    await wait(waitMs, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return undefined
  }
}
