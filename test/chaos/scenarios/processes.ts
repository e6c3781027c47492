import { setTimeout as wait } from "node:timers/promises"
import { limits } from "@posthorn/core"
import type { ServiceName } from "../../e2e/installation.ts"
import { IN_FLIGHT, type Scenario } from "./scenario.ts"

/** Longer than a member of a group may be silent. */
const OUTAGE_MS = 10_000
/** The same with little to spare, where one process after the other has its turn. */
const FROZEN_MS = limits.SESSION_TIMEOUT_MS + 2000

const crash =
  (service: ServiceName): Scenario["fault"] =>
  ({ posthorn }) =>
    posthorn.crash(service)

const inTurn = (services: readonly ServiceName[], nth: number): ServiceName => services[nth % services.length] ?? "gateway"

/** What happens to the services' own processes. */
export const PROCESS_SCENARIOS: readonly Scenario[] = [
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
    everyMs: 4000,
    duplicatesPerFault: 0,
    fault: crash("gateway"),
  },
  {
    name: "blind-retries",
    about:
      "SIGKILL of the gateway again and again in the middle of 5,000 keyed publishes, all of which are then sent once more: 5,000 events",
    events: 5000,
    sendsAgain: true,
    everyMs: 1500,
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
    name: "two-deliveries",
    about: "one of two delivery processes is killed, stays away until the other has taken over, and joins again",
    also: ["delivery-2"],
    everyMs: 4000,
    duplicatesPerFault: IN_FLIGHT,
    async fault({ posthorn }, nth) {
      const service = inTurn(["delivery", "delivery-2"], nth)
      await posthorn.kill(service)
      await wait(OUTAGE_MS)
      await posthorn.start(service)
    },
  },
  {
    name: "rolling-restart",
    about:
      "SIGTERM of the gateway and one of two delivery processes, each started again: nothing twice, and every request that was carried out is answered",
    also: ["delivery-2"],
    everyMs: 1000,
    duplicatesPerFault: 0,
    async fault({ posthorn }, nth) {
      for (const service of ["gateway", inTurn(["delivery", "delivery-2"], nth)] as const) {
        await posthorn.retire(service)
        await posthorn.start(service)
      }
    },
    problems: (_, { doneAndCutOff }) => (doneAndCutOff > 0 ? [`${doneAndCutOff} requests were carried out and not answered`] : []),
  },
  {
    name: "rebalance-storm",
    about: "two delivery processes take turns in joining a third and leaving it, without a pause",
    also: ["delivery-2"],
    everyMs: 500,
    duplicatesPerFault: 0,
    async fault({ posthorn }, nth) {
      await Promise.all([
        posthorn.start(inTurn(["delivery-3", "delivery-2"], nth)),
        posthorn.retire(inTurn(["delivery-2", "delivery-3"], nth)),
      ])
    },
  },
  {
    name: "delivery-pause",
    about: "one of two delivery processes is frozen for 10 s, loses its partitions, and wakes up believing that it owns them",
    also: ["delivery-2"],
    everyMs: 4000,
    duplicatesPerFault: IN_FLIGHT,
    async fault({ posthorn }, nth) {
      const service = inTurn(["delivery", "delivery-2"], nth)
      posthorn.signal(service, "SIGSTOP")
      await wait(OUTAGE_MS)
      posthorn.signal(service, "SIGCONT")
    },
  },
  {
    name: "freeze-all",
    about: "a delivery process, the gateway and a projector are frozen for 8 s in turn, while a second delivery and projector take over",
    also: ["delivery-2", "projector-2"],
    everyMs: 1500,
    duplicatesPerFault: IN_FLIGHT,
    async fault({ posthorn }, nth) {
      const service = inTurn(["delivery", "gateway", "projector"], nth)
      posthorn.signal(service, "SIGSTOP")
      await wait(FROZEN_MS)
      posthorn.signal(service, "SIGCONT")
    },
  },
]
