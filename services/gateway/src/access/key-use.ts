import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { limits } from "@posthorn/core"
import type { KeyUses } from "@posthorn/store"

export interface KeyUseOptions {
  readonly store: Pick<KeyUses, "noteUses">
  readonly nowMs: () => number
  /** The store is away; what is noted waits. */
  readonly failed: (cause: unknown) => void
  /** Default `KEY_USES_INTERVAL_MS`. */
  readonly intervalMs?: number
}

/**
 * Notes which keys are used, and writes it now and then, each key once at most. Costs a request nothing but an entry in a map. What was used last
 * before a process dies may be lost.
 */
export class KeyUse {
  readonly #options: KeyUseOptions
  readonly #timer: NodeJS.Timeout
  #usedAtMs = new Map<string, number>()
  #writing: Promise<void> | undefined

  constructor(options: KeyUseOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.#write(), options.intervalMs ?? limits.KEY_USES_INTERVAL_MS)
    this.#timer.unref()
  }

  used(keyId: string): void {
    if (this.#usedAtMs.size < limits.KEY_USES_MAX || this.#usedAtMs.has(keyId)) this.#usedAtMs.set(keyId, this.#options.nowMs())
  }

  /** Writes what is noted, if the store takes it at this try. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#writing
    await this.#write()
  }

  #write(): Promise<void> {
    this.#writing ??= this.#flush().finally(() => (this.#writing = undefined))
    return this.#writing
  }

  async #flush(): Promise<void> {
    const used = this.#usedAtMs
    if (used.size === 0) return
    this.#usedAtMs = new Map()
    try {
      await this.#options.store.noteUses(Array.from(used, ([keyId, ms]) => ({ keyId, usedAt: timestampFromMs(ms) })))
    } catch (cause) {
      const since = this.#usedAtMs
      this.#usedAtMs = new Map([...used, ...since])
      this.#options.failed(cause)
    }
  }
}
