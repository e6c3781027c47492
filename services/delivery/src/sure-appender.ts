import { setTimeout as wait } from "node:timers/promises"
import { LogUnavailable, type AppendClass, type LogAppender, type NewRecord } from "@posthorn/log"

const WAIT_MS_MIN = 50
const WAIT_MS_MAX = 2000

export interface SureAppender {
  /**
   * Appends until the log has acknowledged. What was in doubt is appended again: readers recognise copies.
   * Rejects only when the service is stopping, when `lost` is aborted and the log does not take the records at once, and with what is
   * not `LogUnavailable`. @param lost of the partition that the records follow from: its next owner appends them too, and copies that
   * come much later are not recognised.
   */
  append(records: readonly NewRecord[], lost: AbortSignal, appendClass?: AppendClass): Promise<void>
}

export function createSureAppender(log: LogAppender, signal: AbortSignal, onFailed: (error: unknown) => void): SureAppender {
  return {
    async append(records, lost, appendClass) {
      for (let waitMs = WAIT_MS_MIN; ; waitMs = Math.min(waitMs * 2, WAIT_MS_MAX)) {
        try {
          await log.append(records, appendClass)
          return
        } catch (error) {
          if (!(error instanceof LogUnavailable) || signal.aborted || lost.aborted) throw error
          onFailed(error)
          await wait(waitMs, undefined, { signal: AbortSignal.any([signal, lost]) })
        }
      }
    },
  }
}
