import { setTimeout as wait } from "node:timers/promises"
import { limits } from "@posthorn/core"
import type { Kafka } from "@posthorn/testkit"
import type { ServiceName, Services } from "../e2e/installation.ts"
import type { Endpoints } from "./endpoints.ts"

/** What a fault can be done to. */
export interface World {
  readonly posthorn: Services
  readonly kafka: Kafka
  readonly endpoints: Endpoints
}

export interface Scenario {
  readonly name: string
  readonly about: string
  readonly deliveries?: 1 | 2
  /** Milliseconds from the end of one fault to the next. */
  readonly everyMs: number
  /** Deliveries that one fault may cause to be made twice: what was in flight, or none where the fault does not touch deliveries. */
  readonly duplicatesPerFault: number
  readonly halfWithoutKey?: true
  /** Does harm and makes it good again. `nth` counts from 0. */
  readonly fault: (world: World, nth: number) => Promise<void>
}

const IN_FLIGHT = limits.ATTEMPTS_IN_FLIGHT_MAX
/** Longer than a member of a group may be silent. */
const OUTAGE_MS = 10_000
/** A broker that comes back needs some seconds to be in sync again; min.insync.replicas allows for one that is away. */
const BROKER_AWAY_MS = 5000
const ENGINE_LOOK_MS = 250

const crash =
  (service: ServiceName): Scenario["fault"] =>
  ({ posthorn }) =>
    posthorn.crash(service)

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "delivery-kill",
    about: "SIGKILL of the only delivery process, started again at once",
    everyMs: 4000,
    duplicatesPerFault: IN_FLIGHT,
    fault: crash("delivery"),
  },
  {
    name: "gateway-kill",
    about: "SIGKILL of the gateway, started again at once",
    everyMs: 6000,
    duplicatesPerFault: 0,
    fault: crash("gateway"),
  },
  {
    name: "projector-kill",
    about: "SIGKILL of the projector, started again at once",
    everyMs: 4000,
    duplicatesPerFault: 0,
    fault: crash("projector"),
  },
  {
    name: "delivery-pause",
    about: "one of two delivery processes is frozen for 10 s, loses its partitions, and wakes up believing that it owns them",
    deliveries: 2,
    everyMs: 4000,
    duplicatesPerFault: IN_FLIGHT,
    async fault({ posthorn }, nth) {
      const service = nth % 2 === 0 ? "delivery" : "delivery-2"
      posthorn.signal(service, "SIGSTOP")
      await wait(OUTAGE_MS)
      posthorn.signal(service, "SIGCONT")
    },
  },
  {
    name: "broker-kill",
    about: "SIGKILL of one of three brokers after the other, each away for 5 s",
    everyMs: 6000,
    duplicatesPerFault: IN_FLIGHT,
    async fault({ kafka }, nth) {
      const broker = kafka.brokers[nth % kafka.brokers.length]
      await broker?.stop("SIGKILL")
      await wait(BROKER_AWAY_MS)
      await broker?.start()
    },
  },
  {
    name: "broker-pause",
    about: "one of three brokers after the other is frozen for 5 s with its connections open",
    everyMs: 6000,
    duplicatesPerFault: IN_FLIGHT,
    async fault({ kafka }, nth) {
      const broker = kafka.brokers[nth % kafka.brokers.length]
      broker?.signal("SIGSTOP")
      await wait(BROKER_AWAY_MS)
      broker?.signal("SIGCONT")
    },
  },
  {
    name: "postgres-down",
    about: "Postgres is away for 10 s at a time; every other event has no key and must be taken at once",
    everyMs: 6000,
    duplicatesPerFault: 0,
    halfWithoutKey: true,
    async fault({ posthorn }) {
      await posthorn.postgres.stop()
      await wait(OUTAGE_MS)
      await posthorn.postgres.start()
    },
  },
  {
    name: "clickhouse-down",
    about: "ClickHouse is killed whenever it comes back, for 10 s at a time",
    everyMs: 6000,
    duplicatesPerFault: 0,
    async fault({ posthorn }) {
      for (let passedMs = 0; passedMs < OUTAGE_MS; passedMs += ENGINE_LOOK_MS) {
        posthorn.clickhouse.crash()
        await wait(ENGINE_LOOK_MS)
      }
    },
  },
  {
    name: "two-deliveries",
    about: "one of two delivery processes is killed, stays away until the other has taken over, and joins again",
    deliveries: 2,
    everyMs: 4000,
    duplicatesPerFault: IN_FLIGHT,
    async fault({ posthorn }, nth) {
      const service = nth % 2 === 0 ? "delivery" : "delivery-2"
      await posthorn.kill(service)
      await wait(OUTAGE_MS)
      await posthorn.start(service)
    },
  },
  {
    name: "endpoint-flapping",
    about: "all endpoints cut every connection for 4 s at a time",
    everyMs: 4000,
    duplicatesPerFault: 0,
    async fault({ endpoints }) {
      endpoints.setDown(true)
      await wait(4000)
      endpoints.setDown(false)
    },
  },
]
