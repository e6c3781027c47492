import { limits, PROJECTED_TOPICS } from "@posthorn/core"
import type { LogReader } from "@posthorn/log"
import type { CatchUp, StatusShadow } from "@posthorn/store"
import { coverageOf } from "./coverage.ts"
import { fillStatus, stretchesTo } from "./fill-status.ts"
import type { Progress } from "./progress.ts"

export interface ShadowWork {
  readonly log: LogReader
  readonly shadow: StatusShadow
  readonly progress: Progress
  readonly signal: AbortSignal
  /** Unix milliseconds. */
  readonly nowMs: number
}

/** Fills the shadow until it is nearly where the live view is. Answers what brings it all the way. */
export async function fillNearly({ log, shadow, progress, signal }: ShadowWork): Promise<CatchUp> {
  const fill = { log, status: shadow, progress, signal }
  for (;;) {
    const positions = await shadow.livePositions()
    const left = (await stretchesTo(fill, positions)).reduce((sum, { from, to }) => sum + to - from, 0)
    if (left <= limits.REBUILD_REST_MAX) return (still) => fillStatus(fill, still)
    await fillStatus(fill, positions)
  }
}

/** From when on the log has what the status views are made of. Looked at after it was read: what it let go meanwhile may have been missed. */
export const coverageOfViews = ({ log, nowMs }: ShadowWork): ReturnType<typeof coverageOf> => coverageOf(log, PROJECTED_TOPICS, nowMs)
