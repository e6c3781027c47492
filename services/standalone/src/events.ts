import type { Logger } from "@posthorn/runtime"

/** The only fields of this process's own log lines. */
export const LOG_FIELDS = ["cause", "restartInMs"] as const

/** What the process tells besides its services. */
export function standaloneEvents(log: Logger<(typeof LOG_FIELDS)[number]>) {
  return {
    logFault(error: unknown): void {
      log.warn("log reports a fault", { error })
    },
    engineCrashed(cause: string, restartInMs: number): void {
      log.warn("the embedded ClickHouse engine ended and is started again", { cause, restartInMs })
    },
  }
}

export type StandaloneEvents = ReturnType<typeof standaloneEvents>
