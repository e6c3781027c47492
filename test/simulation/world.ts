import { partitionOf, type ConfigTable } from "@posthorn/core"
import { followConfig, type ConfigFollower, type OwnedPartition } from "@posthorn/log"
import { createMemoryLog, type MemoryLog } from "@posthorn/log/memory"
import type { SendRequest } from "@posthorn/outbound"
import type { Breakage } from "./breakage.ts"
import type { AppendFaults } from "./faulty-log.ts"
import { Ledger } from "./ledger.ts"
import type { Random } from "./random.ts"
import type { Scenario } from "./scenario.ts"
import { Stops } from "./stops.ts"
import type { VirtualTime } from "./virtual-time.ts"

/** A request that reached an endpoint. */
export interface Sent {
  readonly process: Inhabitant
  readonly subscriptionId: string
  readonly deliveryId: string
  readonly eventId: string
  readonly attempt: number
  /** Of the try that it makes; several if that cannot be told. */
  readonly keys: readonly string[]
  readonly atMs: number
  /** Unix seconds that the request is signed with. */
  readonly timestamp: number
  /** Of the sender; `undefined` = it has never had the partition. */
  readonly tenure: Tenure | undefined
}

/** That a process has, or had, a partition. */
export interface Tenure {
  readonly partition: OwnedPartition
  /** The place in the ledger at which it took it over. */
  readonly at: number
}

export interface WorldOptions {
  readonly scenario: Scenario
  readonly random: Random
  readonly time: VirtualTime
  readonly breakage: Breakage | undefined
  /** Told of every request, before it is among the sent ones. */
  readonly onSend: (world: World, sent: Sent) => void
  /** Told when a subscription is disabled or deleted; resolves when what has to follow was looked at. */
  readonly onStop: (world: World, subscriptionId: string) => Promise<void>
}

const NO_FAULTS: AppendFaults = { refused: 0, unknown: 0, twice: 0, slow: 0 }
const VIOLATIONS_MAX = 20

/** A process, as the world and what happens in it know it. */
export interface Inhabitant {
  readonly number: number
  /** Up, or up and hearing nothing, or standing still, or gone for good. */
  readonly state: "up" | "cut off" | "frozen" | "gone"
  /** When it last began to hear of the log. */
  readonly hearingSinceMs: number
  /** When it last took a partition of `deliveries` over. */
  tenure(partition: number): Tenure | undefined
  /** Whether it has not been told that a partition of `deliveries` is lost. */
  owns(partition: number): boolean
  crash(): void
  cutOff(): void
  restore(): void
  freeze(): void
  evict(): void
  thaw(): void
  stop(): Promise<void>
}

/** All that the processes of a run share, and what was seen of them. */
export class World implements WorldOptions {
  readonly scenario: Scenario
  readonly random: Random
  readonly time: VirtualTime
  readonly onSend: WorldOptions["onSend"]
  readonly onStop: WorldOptions["onStop"]
  readonly breakage: Breakage | undefined
  readonly log: MemoryLog
  readonly ledger = new Ledger()
  readonly sends: Sent[] = []
  /** The tries of all requests. */
  readonly made = new Set<string>()
  readonly violations: string[] = []
  readonly processes: Inhabitant[] = []
  readonly stops: Stops
  /** Subscriptions that were not there and enabled from the beginning to the end. */
  readonly unsteady = new Set<string>()
  /** Subscriptions that became disabled, with the version that says so. */
  readonly disabled = new Set<string>()
  /** What is judged some time after it began. */
  readonly watches: Promise<void>[] = []
  readonly #troubled = new Map<Inhabitant, number>()
  #config: ConfigFollower | undefined

  constructor({ scenario, random, time, breakage, onSend, onStop }: WorldOptions) {
    this.onSend = onSend
    this.onStop = onStop
    this.scenario = scenario
    this.random = random
    this.time = time
    this.breakage = breakage
    this.log = createMemoryLog({ partitions: scenario.partitions, clock: () => time.nowMs() })
    this.stops = new Stops(() => time.nowMs())
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
          const now = after?.kind === "subscription" ? after : undefined
          this.stops.changed(id, now)
          if (now?.subscription.enabled === true) continue
          this.unsteady.add(id)
          if (now) this.disabled.add(`${id}/${now.version}`)
          if (before?.kind === "subscription" && before.subscription.enabled) this.watches.push(this.onStop(this, id))
        }
      },
    })
  }

  violation(what: string): void {
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push(`at ${this.clock(this.time.nowMs())}: ${what}`)
  }

  /** A time, as it is shown: since the beginning. */
  clock(atMs: number): string {
    return `${((atMs - this.time.nowMs() + this.time.monotonicMs()) / 1000).toFixed(3)} s`
  }

  /** From now on, and for so long, appends of a process go wrong. */
  trouble(process: Inhabitant, forMs: number): void {
    this.#troubled.set(process, this.time.nowMs() + forMs)
  }

  /** When the appends of a process last went wrong, or will for the last time. */
  troubledUntilMs(process: Inhabitant): number {
    return this.#troubled.get(process) ?? 0
  }

  appendFaultsOf(process: Inhabitant): AppendFaults {
    return this.troubledUntilMs(process) > this.time.nowMs() ? this.scenario.appendFaults : NO_FAULTS
  }

  /** The partition number of a subscription. */
  partitionOf(subscriptionId: string): number {
    return partitionOf(subscriptionId, this.scenario.partitions)
  }

  sent(process: Inhabitant, { url, headers }: SendRequest): void {
    const subscription = this.scenario.subscriptions.find((each) => each.url === url)
    if (subscription === undefined) return this.violation(`a request to ${url}, which nobody subscribed with`)
    const subscriptionId = subscription.id
    const deliveryId = headers["webhook-id"] ?? ""
    const attempt = Number(headers["posthorn-attempt"])
    const keys = this.ledger.keysOf(deliveryId, attempt)
    const sent: Sent = {
      process,
      subscriptionId,
      deliveryId,
      eventId: headers["posthorn-event-id"] ?? "",
      attempt,
      keys,
      atMs: this.time.nowMs(),
      timestamp: Number(headers["webhook-timestamp"]),
      tenure: process.tenure(this.partitionOf(subscriptionId)),
    }
    this.onSend(this, sent)
    this.sends.push(sent)
    for (const key of keys) this.made.add(key)
  }
}
