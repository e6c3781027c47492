import { setTimeout as sleep } from "node:timers/promises"
import { limits } from "@posthorn/core"

/** Waits longer after every failure in a row, up to `RECONNECT_MS_MAX`. A signal ends the waiting. */
export class Backoff {
  #failures = 0

  succeeded(): void {
    this.#failures = 0
  }

  async failed(signal: AbortSignal): Promise<void> {
    const delayMs = Math.min(limits.RECONNECT_MS_MAX, 50 * 2 ** this.#failures++)
    await sleep(delayMs, undefined, { signal }).catch(() => undefined)
  }
}
