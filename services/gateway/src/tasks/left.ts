import { create } from "@bufbuild/protobuf"
import { TaskLeftSchema, type TaskLeft, type TaskLeftReason } from "@posthorn/proto"

/** What could not be done, by reason. */
export class Left {
  readonly #counts: Map<TaskLeftReason, number>

  constructor(known: readonly TaskLeft[] = []) {
    this.#counts = new Map(known.map(({ reason, count }) => [reason, Number(count)]))
  }

  add(reason: TaskLeftReason, count = 1): void {
    if (count > 0) this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + count)
  }

  addAll(other: Left): void {
    for (const [reason, count] of other.#counts) this.add(reason, count)
  }

  list(): TaskLeft[] {
    return [...this.#counts]
      .toSorted(([a], [b]) => a - b)
      .map(([reason, count]) => create(TaskLeftSchema, { reason, count: BigInt(count) }))
  }
}
