import { limits } from "@posthorn/core"
import type { EventLog } from "@posthorn/log"
import type { Clock } from "@posthorn/runtime"
import type { ConservationBooks, ConservationReader, MutualExclusion } from "@posthorn/store"
import type { ProjectorEvents } from "../events.ts"
import { ConservationCheck } from "./check.ts"

/** The name under which one process at a time checks. */
export const CHECK_NAME = "conservation"

/** How often it is told how long ago the last check was. */
const AGE_MS = 5000

export interface KeepCheckingOptions {
  readonly log: EventLog
  readonly status: ConservationBooks & ConservationReader & MutualExclusion
  readonly clock: Clock
  readonly events: ProjectorEvents
  /** Aborted when the service stops. */
  readonly signal: AbortSignal
}

/** Checks every `CONSERVATION_INTERVAL_MS`, unless another process does. Answers how to end it, which waits for the check that is under way. */
export function keepChecking({ log, status, clock, events, signal }: KeepCheckingOptions): () => Promise<void> {
  const check = new ConservationCheck({ log, books: status, clock, graceMs: limits.CONSERVATION_GRACE_MS, hours: "closed" })
  let running: Promise<void> | undefined
  // Before the first, as if there had been one: that there is none for long has to show.
  let checkedAtMs = clock.nowMs()
  const round = async (): Promise<void> => {
    try {
      const checked = await status.exclusively(CHECK_NAME, (held) => check.run(held), signal)
      if (checked?.kind === "behind" && !signal.aborted) events.conservationBehind()
      if (checked?.kind === "done") {
        for (const finding of checked.found) events.findingFound(finding)
        if (checked.unsearched > 0) events.conservationUnsearched(checked.unsearched)
      }
      const { findings, checkedAtMs: atMs = checkedAtMs } = await status.conservationSummary()
      checkedAtMs = atMs
      events.findingsCounted(findings)
    } catch (error) {
      if (!signal.aborted) events.conservationFailed(error)
    }
  }
  const timer = setInterval(() => {
    running ??= round().finally(() => (running = undefined))
  }, limits.CONSERVATION_INTERVAL_MS)
  const age = setInterval(() => events.conservationAge(clock.nowMs() - checkedAtMs), AGE_MS)
  return async () => {
    clearInterval(timer)
    clearInterval(age)
    await running
  }
}
