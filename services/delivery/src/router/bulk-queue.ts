import type { OwnedPartition } from "@posthorn/log"

/** Work that is under way at the same time: what is live never waits for more of it than that. */
const UNDER_WAY_MAX = 250

interface Waiting {
  readonly partition: OwnedPartition
  readonly work: () => Promise<void>
}

/** Work of the lower class, done in order, a bounded part of it at a time, and begun after whatever this turn of the event loop has to do. */
export class BulkQueue {
  readonly #failed: (error: Error) => void
  readonly #waiting = new Set<Waiting>()
  #underWay = 0

  constructor(failed: (error: Error) => void) {
    this.#failed = failed
  }

  /** What is left of a partition that was lost is dropped: its next owner does it. */
  add(partition: OwnedPartition, work: () => Promise<void>): void {
    this.#waiting.add({ partition, work })
    if (this.#underWay === 0) setImmediate(() => this.#pump())
  }

  #pump(): void {
    for (const next of this.#waiting) {
      if (this.#underWay >= UNDER_WAY_MAX) return
      this.#waiting.delete(next)
      if (!next.partition.signal.aborted) void this.#run(next)
    }
  }

  async #run({ partition, work }: Waiting): Promise<void> {
    this.#underWay++
    try {
      await work()
    } catch (error) {
      if (!partition.signal.aborted) this.#failed(error as Error)
    } finally {
      this.#underWay--
      if (this.#underWay === 0 || this.#underWay === UNDER_WAY_MAX / 2) setImmediate(() => this.#pump())
    }
  }
}
