import { LogUnavailable, type EventLog, type GroupHandler, type NewRecord } from "@posthorn/log"
import type { MemoryLog } from "@posthorn/log/memory"
import type { AttemptSender } from "@posthorn/outbound"
import { createScriptedSender } from "@posthorn/outbound/scripted"
import { createCrypto, createSteadyClock, Metrics } from "@posthorn/runtime"
import { deliveryEvents, startDelivery, type Delivery } from "../../services/delivery/src/delivery.ts"
import { broken } from "./breakage.ts"
import { faultyLog } from "./faulty-log.ts"
import type { Tenure, World } from "./world.ts"

const silent = { error() {}, warn() {}, info() {}, debug() {} }
const LANES = ["deliveries", "deliveries.bulk"] as const
const never = new Promise<never>(() => {})

/** One process of the delivery service, and what can happen to it. */
export class SimulatedProcess {
  readonly #world: World
  readonly #client: MemoryLog
  /** What each partition of the worker's topics was when it was last taken over here. */
  readonly #takenOver = new Map<string, Tenure>()
  readonly #gone = Promise.withResolvers<void>()
  readonly number: number
  state: "up" | "cut off" | "frozen" | "gone" = "up"
  /** When it last began to hear of the log. */
  hearingSinceMs: number
  readonly #news: (() => void)[] = []
  #restore = (): void => {}
  #starting: Promise<Delivery | undefined> | undefined

  constructor(world: World, number: number) {
    this.#world = world
    this.number = number
    this.#client = world.log.another((tell) => this.#hear(tell))
    this.hearingSinceMs = world.time.nowMs()
  }

  /** Resolves once it is up, or gone. */
  async start(): Promise<void> {
    this.#starting = this.#world.time.inside(this, () => this.#start())
    await Promise.race([this.#starting, this.#gone.promise])
  }

  /** Ends at once, in the middle of whatever it does. */
  crash(): void {
    if (this.state === "gone") return
    this.state = "gone"
    this.#world.time.freeze(this)
    this.#client.cutOff()
    this.#gone.resolve()
  }

  /** It hears nothing of the log and cannot reach it, and the others know at once. */
  cutOff(): void {
    if (this.state !== "up") return
    this.state = "cut off"
    this.#restore = this.#client.cutOff()
  }

  restore(): void {
    if (this.state === "cut off") this.#again(this.#restore)
  }

  /** It stands still, and knows nothing of it. */
  freeze(): void {
    if (this.state !== "up") return
    this.state = "frozen"
    this.#world.time.freeze(this)
  }

  /** Others have heard nothing of it for so long that its partitions are theirs. */
  evict(): void {
    if (this.state === "frozen") this.#client.cutOff()()
  }

  thaw(): void {
    if (this.state === "frozen") this.#again(() => this.#world.time.thaw(this))
  }

  /** Resolves once it has left, or is gone. */
  async stop(): Promise<void> {
    this.#world.time.inside(this, () => setImmediate(() => void this.#stop()))
    await this.#gone.promise
  }

  tenure(partition: number): Tenure | undefined {
    return this.#takenOver.get(`deliveries/${partition}`)
  }

  owns(partition: number): boolean {
    return LANES.some((topic) => this.#takenOver.get(`${topic}/${partition}`)?.partition.signal.aborted === false)
  }

  #again(begin: () => void): void {
    this.state = "up"
    this.hearingSinceMs = this.#world.time.nowMs()
    begin()
  }

  /** News travels: nobody hears of a record in the turn that appends it. */
  #hear(tell: () => void): void {
    if (this.state === "gone") return
    this.#news.push(tell)
    if (this.#news.length > 1) return
    this.#world.time.inside(this, () => setImmediate(() => this.#news.splice(0).forEach((each) => each())))
  }

  async #stop(): Promise<void> {
    const delivery = await this.#starting
    await delivery?.stop()
    await this.#client.close()
    this.state = "gone"
    this.#gone.resolve()
  }

  async #start(): Promise<Delivery | undefined> {
    const { ledger, time, random, scenario, breakage } = this.#world
    const append = (records: readonly NewRecord[]) => ledger.append(this.#client, records, this)
    const faults = () => this.#world.appendFaultsOf(this)
    const monotonicMs = (): number => time.monotonicMs()
    const clock = createSteadyClock({ wallMs: () => time.wallMs(), monotonicMs, uptimeMs: monotonicMs })
    try {
      return await startDelivery({
        log: broken(this.#watched(faultyLog({ log: this.#client, append, time, random, faults })), breakage),
        sender: this.#sender(),
        crypto: createCrypto(),
        clock,
        memoryBytes: scenario.memoryBytes,
        events: deliveryEvents(silent, new Metrics()),
        decryptSecret: (text) => text,
        failed: (error) => this.#failed(error),
      })
    } catch (error) {
      this.#failed(error as Error)
      return undefined
    }
  }

  #failed(error: Error): void {
    if (this.state === "gone") return
    if (!(error instanceof LogUnavailable)) this.#world.violation(`process ${this.number} failed: ${error.stack}`)
    this.crash()
  }

  #watched(log: EventLog): EventLog {
    return { ...log, join: (options) => log.join({ ...options, handler: this.#watchedHandler(options.handler) }) }
  }

  #watchedHandler(handler: GroupHandler): GroupHandler {
    return {
      ...handler,
      assigned: async (partition, committed) => {
        this.#takenOver.set(`${partition.topic}/${partition.partition}`, { partition, at: this.#world.ledger.sequence })
        return handler.assigned?.(partition, committed)
      },
    }
  }

  #sender(): AttemptSender {
    const scripted = createScriptedSender(this.#world.scenario.script)
    return {
      send: (request) => {
        // A process that has failed goes on to the end of its turn.
        if (this.state === "gone") return never
        this.#world.sent(this, request)
        return scripted.send(request)
      },
      close: () => scripted.close(),
    }
  }
}

/** Resolves once another process is up. */
export async function addProcess(world: World): Promise<void> {
  const process = new SimulatedProcess(world, world.processes.length + 1)
  world.processes.push(process)
  await process.start()
}
