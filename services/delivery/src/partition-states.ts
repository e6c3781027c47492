import type { Breaker } from "@posthorn/core"
import type { LogReader, OwnedPartition } from "@posthorn/log"
import { readControl } from "./control.ts"
import type { PartitionState } from "./partition-state.ts"
import { Tries } from "./tries.ts"

interface Held {
  readonly state: PartitionState
  /** The partitions of that number that are owned, one a topic. */
  readonly members: Set<OwnedPartition>
  /** Resolves when `control` has been read. */
  readonly ready: Promise<void>
}

/** Keeps one state for each partition number, from the first of its partitions that is gained to the last that is given up. */
export class PartitionStates {
  readonly #log: LogReader
  readonly #held = new Map<number, Held>()

  constructor(log: LogReader) {
    this.#log = log
  }

  /** The state of a partition that is owned. */
  of({ partition }: OwnedPartition): PartitionState | undefined {
    return this.#held.get(partition)?.state
  }

  /** Whether a number is owned: then with the partition of this topic. */
  member(topic: string, number: number): OwnedPartition | undefined {
    return [...(this.#held.get(number)?.members ?? [])].find((each) => each.topic === topic && !each.signal.aborted)
  }

  /** Takes a partition in; resolves when its state knows what `control` says. */
  async gain(partition: OwnedPartition): Promise<PartitionState> {
    let held = this.#held.get(partition.partition)
    // What belongs to an ownership that has ended is not to be trusted: others may have owned the partition since.
    if (held === undefined || [...held.members].some((each) => each.signal.aborted || each.topic === partition.topic)) {
      const state = { tries: new Tries(), breakers: new Map<string, Breaker>() }
      held = { state, members: new Set(), ready: readControl(this.#log, partition.partition, state) }
      this.#held.set(partition.partition, held)
    }
    held.members.add(partition)
    await held.ready
    return held.state
  }

  release(partition: OwnedPartition): void {
    const held = this.#held.get(partition.partition)
    if (held?.members.delete(partition) && held.members.size === 0) this.#held.delete(partition.partition)
  }

  forgetWishes(nowMs: number): void {
    for (const { state } of this.#held.values()) state.tries.forgetWishes(nowMs)
  }
}
