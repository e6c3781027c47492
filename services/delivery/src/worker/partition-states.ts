import { EVENT_TOPICS, type Breaker } from "@posthorn/core"
import type { LogGroups, LogReader, OwnedPartition, PartitionLag } from "@posthorn/log"
import type { Clock } from "@posthorn/runtime"
import { readControl } from "./control.ts"
import type { PartitionState } from "./partition-state.ts"
import type { DeliveryEvents } from "../events.ts"
import { readTries, Tries } from "./tries.ts"

export interface PartitionStatesOptions {
  readonly log: LogReader & LogGroups
  readonly clock: Clock
  readonly events: DeliveryEvents
}

interface Held {
  readonly state: PartitionState
  /** The partitions of that number that are owned, one a topic. */
  readonly members: Set<OwnedPartition>
  /** One of them was given up: the ownership has ended, and what is lost is lost one by one. */
  over: boolean
  /** Resolves when `control` and the tail of `attempts` have been read. */
  readonly ready: Promise<void>
}

/** Keeps one state for each partition number, from the first of its partitions that is gained to the last that is given up. */
export class PartitionStates {
  readonly #options: PartitionStatesOptions
  readonly #held = new Map<number, Held>()

  constructor(options: PartitionStatesOptions) {
    this.#options = options
  }

  /** The state of a partition that is owned. */
  of({ partition }: OwnedPartition): PartitionState | undefined {
    return this.#held.get(partition)?.state
  }

  /** Whether all that belongs to a partition's number is still owned, as it was when this state was made. */
  isHeld({ partition }: OwnedPartition, state: PartitionState): boolean {
    const held = this.#held.get(partition)
    return held?.state === state && !isOver(held)
  }

  /** Whether a number is owned: then with the partition of this topic. */
  member(topic: string, number: number): OwnedPartition | undefined {
    return [...(this.#held.get(number)?.members ?? [])].find((each) => each.topic === topic && !each.signal.aborted)
  }

  /** Takes a partition in; resolves when its state knows what `control` says, and which tries ended under owners before. */
  async gain(partition: OwnedPartition): Promise<PartitionState> {
    let held = this.#held.get(partition.partition)
    // What belongs to an ownership that has ended is not to be trusted: others may have owned the partition since.
    if (held === undefined || isOver(held) || [...held.members].some(({ topic }) => topic === partition.topic)) {
      const state = { tries: new Tries(), breakers: new Map<string, Breaker>() }
      held = { state, members: new Set(), over: false, ready: this.#read(partition.partition, state) }
      this.#held.set(partition.partition, held)
    }
    held.members.add(partition)
    await held.ready
    return held.state
  }

  async #read(partition: number, state: PartitionState): Promise<void> {
    const { log, clock, events } = this.#options
    await readControl(log, partition, state)
    const sources = await sourcesOf(log, partition)
    await readTries({ log, tries: state.tries, partition, sources, nowMs: clock.nowMs() })
    events.takenOver(partition, state.tries.known)
  }

  release(partition: OwnedPartition): void {
    const held = this.#held.get(partition.partition)
    if (!held?.members.delete(partition)) return
    held.over = true
    if (held.members.size === 0) this.#held.delete(partition.partition)
  }

  forgetWishes(nowMs: number): void {
    for (const { state } of this.#held.values()) state.tries.forgetWishes(nowMs)
  }
}

function isOver({ over, members }: Held): boolean {
  if (over) return true
  for (const { signal } of members) if (signal.aborted) return true
  return false
}

/**
 * Where copies of a partition's tries may come from: events that are routed again, tries of any partition whose end is written again, for what
 * that tells an application, and wishes. What waits in a retry tier is no copy; what was moved out of one is committed within seconds.
 */
async function sourcesOf(log: LogGroups, partition: number): Promise<readonly PartitionLag[]> {
  const everywhere = [await log.lag("router", EVENT_TOPICS), await log.lag("delivery", ["deliveries", "deliveries.bulk"])]
  const here = (await log.lag("delivery", ["control"])).filter((each) => each.partition === partition)
  return [...everywhere.flat(), ...here]
}
