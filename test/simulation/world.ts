import { partitionOf, type ConfigTable } from "@posthorn/core"
import { followConfig, type ConfigFollower } from "@posthorn/log"
import { createMemoryLog, type MemoryLog } from "@posthorn/log/memory"
import type { SendRequest } from "@posthorn/outbound"
import type { Breakage } from "./breakage.ts"
import type { AppendFaults } from "./faulty-log.ts"
import { Ledger } from "./ledger.ts"
import type { Random } from "./random.ts"
import type { Scenario } from "./scenario.ts"
import type { VirtualTime } from "./virtual-time.ts"

/** A request that reached an endpoint. */
export interface Sent {
  readonly process: Inhabitant
  readonly subscriptionId: string
  readonly deliveryId: string
  readonly eventId: string
  readonly attempt: number
  readonly atMs: number
  /** The place in the ledger at which the sender had taken the partition over. */
  readonly takenOverAt: number
}

export interface WorldOptions {
  readonly scenario: Scenario
  readonly random: Random
  readonly time: VirtualTime
  readonly breakage: Breakage | undefined
}

const NO_FAULTS: AppendFaults = { refused: 0, unknown: 0, twice: 0, slow: 0 }
/** How long a subscription that was disabled or deleted may still be sent to. */
const LAST_SENT_MS = 5000
const VIOLATIONS_MAX = 20

/** A process, as the world and what happens in it know it. */
export interface Inhabitant {
  readonly number: number
  readonly state: "up" | "cut off" | "gone"
  /** When it last began to hear of the log. */
  readonly hearingSinceMs: number
  /** The place in the ledger at which it last took a partition of `deliveries` over. */
  takenOverAt(partition: number): number
  crash(): void
  cutOff(): void
  restore(): void
  stop(): Promise<void>
}

/** All that the processes of a run share, and what was seen of them. */
export class World implements WorldOptions {
  readonly scenario: Scenario
  readonly random: Random
  readonly time: VirtualTime
  readonly breakage: Breakage | undefined
  readonly log: MemoryLog
  readonly ledger = new Ledger()
  readonly sends: Sent[] = []
  readonly violations: string[] = []
  readonly processes: Inhabitant[] = []
  /** Since when a subscription may not be sent to. */
  readonly offSinceMs = new Map<string, number>()
  /** Subscriptions that were not there and enabled from the beginning to the end. */
  readonly unsteady = new Set<string>()
  readonly #troubled = new Map<Inhabitant, number>()
  #config: ConfigFollower | undefined

  constructor({ scenario, random, time, breakage }: WorldOptions) {
    this.scenario = scenario
    this.random = random
    this.time = time
    this.breakage = breakage
    this.log = createMemoryLog({ partitions: scenario.partitions, clock: () => time.nowMs() })
  }

  get config(): ConfigFollower {
    if (this.#config === undefined) throw new Error("the world has not begun")
    return this.#config
  }

  get table(): ConfigTable {
    return this.config.table
  }

  async begin(): Promise<void> {
    const appending = { ...this.log, append: (records: Parameters<MemoryLog["append"]>[0]) => this.ledger.append(this.log, records) }
    this.#config = await followConfig(appending, {
      onChange: (changes) => {
        for (const { before, after } of changes) {
          const entity = after ?? before
          if (entity?.kind !== "subscription") continue
          const { id } = entity.subscription
          if (after?.kind === "subscription" && after.subscription.enabled) this.offSinceMs.delete(id)
          else this.offSinceMs.set(id, this.time.nowMs())
          if (before !== undefined) this.unsteady.add(id)
        }
      },
    })
  }

  violation(what: string): void {
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push(`at ${(this.time.monotonicMs() / 1000).toFixed(3)} s: ${what}`)
  }

  /** From now on, and for so long, appends of a process go wrong. */
  trouble(process: Inhabitant, forMs: number): void {
    this.#troubled.set(process, this.time.nowMs() + forMs)
  }

  appendFaultsOf(process: Inhabitant): AppendFaults {
    return (this.#troubled.get(process) ?? 0) > this.time.nowMs() ? this.scenario.appendFaults : NO_FAULTS
  }

  sent(process: Inhabitant, { url, headers }: SendRequest): void {
    const subscription = this.scenario.subscriptions.find((each) => each.url === url)
    if (subscription === undefined) return this.violation(`a request to ${url}, which nobody subscribed with`)
    const atMs = this.time.nowMs()
    const { id } = subscription
    const sinceMs = Math.max(this.offSinceMs.get(id) ?? Number.POSITIVE_INFINITY, process.hearingSinceMs)
    if (process.state === "up" && atMs > sinceMs + LAST_SENT_MS) this.violation(`I7: a request to ${id}, which is disabled or deleted`)
    this.sends.push({
      process,
      subscriptionId: id,
      deliveryId: headers["webhook-id"] ?? "",
      eventId: headers["posthorn-event-id"] ?? "",
      attempt: Number(headers["posthorn-attempt"]),
      atMs,
      takenOverAt: process.takenOverAt(partitionOf(id, this.scenario.partitions)),
    })
  }
}
