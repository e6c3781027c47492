import { limits } from "@posthorn/core"
import type { ConfigFollower } from "./config-follower.ts"
import { snapshotPosition, writeSnapshot } from "./config-snapshots.ts"
import type { LogAppender, LogReader, LogTrimmer } from "./event-log.ts"

export interface KeepSnapshotsOptions {
  readonly log: LogAppender & LogReader & LogTrimmer
  readonly config: ConfigFollower
  /** Told of a snapshot that is in the log, with the position of `config` that it goes to. */
  readonly written: (position: number) => void
  /** Told of one that was not written; another is tried later. */
  readonly failed: (cause: unknown) => void
}

/**
 * Writes a snapshot of `config` whenever enough has changed since the last one. Any number of gateways may do so: each looks first what the
 * others have written, and at moments of its own.
 */
export function keepConfigSnapshots({ log, config, written, failed }: KeepSnapshotsOptions): { close(): Promise<void> } {
  const stopped = new AbortController()
  let known = 0
  let running: Promise<void> | undefined
  const isDue = (): boolean => config.position - known >= Math.max(limits.SNAPSHOT_CHANGES_MIN, config.table.size / 4)
  const look = async (): Promise<void> => {
    if (!isDue()) return
    known = await snapshotPosition(log)
    if (!isDue()) return
    await config.whileCaptured(async (captured) => {
      await writeSnapshot(log, captured, stopped.signal)
      known = captured.position
    })
    written(known)
  }
  const timer = setInterval(
    () => {
      running ??= look()
        .catch((cause: unknown) => void (stopped.signal.aborted || failed(cause)))
        .finally(() => (running = undefined))
    },
    limits.SNAPSHOT_LOOK_MS * (0.75 + Math.random() / 2),
  ).unref()
  return {
    async close() {
      clearInterval(timer)
      stopped.abort()
      await running
    },
  }
}
