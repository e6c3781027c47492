import { EVENT_TOPICS, type Breaker, type Topic } from "@posthorn/core"
import type { LogGroups, LogReader, OwnedPartition } from "@posthorn/log"
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

/** Where copies may come from, as it was some time ago. */
interface Sources {
  readonly askedAtMs: number
  readonly oldestMs: Promise<number>
}

/** For how long one look at the sources serves all partitions that are taken over: they come together. */
const SOURCES_SHARED_MS = 1000

/** Keeps one state for each partition number, from the first of its partitions that is gained to the last that is given up. */
export class PartitionStates {
  readonly #options: PartitionStatesOptions
  readonly #held = new Map<number, Held>()
  #sources: Sources | undefined

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
    await readTries({ log, tries: state.tries, partition, copiesSinceMs: await this.#copiesSince(clock.nowMs()) })
    events.takenOver(partition, state.tries.known)
  }

  /** An earlier answer is as good, and only makes more be read: what has come since is newer than it, and what was committed since is included. */
  #copiesSince(nowMs: number): Promise<number> {
    if (this.#sources === undefined || nowMs - this.#sources.askedAtMs >= SOURCES_SHARED_MS)
      this.#sources = { askedAtMs: nowMs, oldestMs: oldestSource(this.#options.log, nowMs) }
    return this.#sources.oldestMs
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
const SOURCES: readonly (readonly [group: string, topics: readonly Topic[]])[] = [
  ["router", EVENT_TOPICS],
  ["delivery", ["deliveries", "deliveries.bulk", "control"]],
]

/** When the oldest record was appended that is not committed there; `nowMs` when there is none. */
async function oldestSource(log: LogReader & LogGroups, nowMs: number): Promise<number> {
  let oldestMs = nowMs
  for (const [group, topics] of SOURCES) {
    const behind = (await log.lag(group, topics)).filter(({ committed, high }) => committed < high)
    const firsts = behind.map(({ topic, partition, committed }) => ({ topic, partition, from: committed, to: committed + 1 }))
    await log.read(firsts, (records) => {
      for (const { appendedAtMs } of records) oldestMs = Math.min(oldestMs, appendedAtMs)
    })
  }
  return oldestMs
}
