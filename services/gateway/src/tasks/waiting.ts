import { setTimeout as wait } from "node:timers/promises"
import { limits, type Topic } from "@posthorn/core"
import type { TaskContext } from "./task-context.ts"

/** Aborting ends the wait; nothing else can reject it. */
export const pause = (ms: number, signal: AbortSignal): Promise<unknown> => wait(ms, undefined, { signal }).catch(() => undefined)

/** Resolves once the view shows all that these topics hold by now. */
export async function viewCaughtUp({ log, store }: TaskContext, topics: readonly Topic[], signal: AbortSignal): Promise<void> {
  for (const topic of topics) {
    const ends = (await log.ends(topic)).filter(({ low, high }) => high > low)
    for (;;) {
      const shown = await store.projectedTo(topic)
      if (signal.aborted || ends.every(({ partition, high }) => (shown.get(partition) ?? 0) >= high)) break
      await pause(limits.TASK_POLL_MS, signal)
    }
  }
}
