import { createCrypto, Metrics } from "@posthorn/runtime"
import { LogUnavailable, type EventLog, type GroupHandler } from "@posthorn/log"
import type { MemoryLog } from "@posthorn/log/memory"
import type { AttemptSender } from "@posthorn/outbound"
import { createScriptedSender } from "@posthorn/outbound/scripted"
import { deliveryEvents, startDelivery, type Delivery } from "../../services/delivery/src/delivery.ts"
import { broken } from "./breakage.ts"
import { faultyLog } from "./faulty-log.ts"
import type { World } from "./world.ts"

const silent = { error() {}, warn() {}, info() {}, debug() {} }
const never = new Promise<never>(() => {})

/** One process of the delivery service, and what can happen to it. */
export class SimulatedProcess {
  readonly #world: World
  readonly #client: MemoryLog
  /** How often each partition of `deliveries` was taken over here, and when last. */
  readonly #takeOvers = new Map<number, number>()
  readonly number: number
  /** Up, or up and hearing nothing, or gone for good. */
  state: "up" | "cut off" | "gone" = "up"
  /** When it last began to hear of the log. */
  hearingSinceMs: number
  #restore = (): void => {}
  #delivery: Delivery | undefined

  constructor(world: World, number: number) {
    this.#world = world
    this.number = number
    this.#client = world.log.another()
    this.hearingSinceMs = world.time.nowMs()
  }

  async start(): Promise<void> {
    const { ledger, time, random, breakage } = this.#world
    const faults = () => this.#world.appendFaultsOf(this)
    try {
      this.#delivery = await startDelivery({
        log: broken(this.#watched(faultyLog({ log: this.#client, ledger, time, random, faults })), breakage),
        sender: this.#sender(),
        crypto: createCrypto(),
        clock: time,
        events: deliveryEvents(silent, new Metrics()),
        decryptSecret: (text) => text,
        failed: (error) => this.#failed(error),
      })
    } catch (error) {
      this.#failed(error as Error)
    }
  }

  /** Ends at once, in the middle of whatever it does. */
  crash(): void {
    if (this.state === "gone") return
    this.state = "gone"
    this.#client.cutOff()
    // Only its timers end by this: it cannot reach the log.
    void this.#client.close()
  }

  cutOff(): void {
    if (this.state !== "up") return
    this.state = "cut off"
    this.#restore = this.#client.cutOff()
  }

  restore(): void {
    if (this.state !== "cut off") return
    this.state = "up"
    this.hearingSinceMs = this.#world.time.nowMs()
    this.#restore()
  }

  async stop(): Promise<void> {
    await this.#delivery?.stop()
    if (this.state === "gone") return
    await this.#client.close()
    this.state = "gone"
  }

  /** The place in the ledger at which this process last took a partition of `deliveries` over. */
  takenOverAt(partition: number): number {
    return this.#takeOvers.get(partition) ?? 0
  }

  #failed(error: Error): void {
    if (this.state === "gone") return
    if (!(error instanceof LogUnavailable)) this.#world.violation(`process ${this.number} failed: ${error.stack}`)
    this.crash()
  }

  /** Nothing reaches a process that is gone, and nothing comes from it. */
  #unlessGone<T>(work: Promise<T>): Promise<T> {
    return work.then(
      (value) => (this.state === "gone" ? never : value),
      (error: unknown) => {
        if (this.state === "gone") return never
        throw error
      },
    )
  }

  #watched(log: EventLog): EventLog {
    return {
      ...log,
      append: (records) => this.#unlessGone(log.append(records)),
      join: (options) => log.join({ ...options, handler: this.#watchedHandler(options.handler) }),
      ends: (topic) => this.#unlessGone(log.ends(topic)),
      offsetAt: (topic, partition, timeMs) => this.#unlessGone(log.offsetAt(topic, partition, timeMs)),
      read: (ranges, onRecords) => this.#unlessGone(log.read(ranges, onRecords)),
      trim: (topic, partition, before) => (this.state === "up" ? log.trim(topic, partition, before) : never),
      lag: (group, topics) => this.#unlessGone(log.lag(group, topics)),
    }
  }

  #watchedHandler(handler: GroupHandler): GroupHandler {
    return {
      ...handler,
      assigned: async (partition, committed) => {
        if (partition.topic === "deliveries") this.#takeOvers.set(partition.partition, this.#world.ledger.sequence)
        return handler.assigned?.(partition, committed)
      },
    }
  }

  #sender(): AttemptSender {
    const scripted = createScriptedSender(this.#world.scenario.script)
    return {
      send: (request) => {
        if (this.state === "gone") return never
        this.#world.sent(this, request)
        return this.#unlessGone(scripted.send(request))
      },
      close: () => scripted.close(),
    }
  }
}
