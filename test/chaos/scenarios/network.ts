import { setTimeout as wait } from "node:timers/promises"
import type { TcpProxy } from "@posthorn/testkit"
import { IN_FLIGHT, type Scenario } from "./scenario.ts"

/** Shorter than a member of a group may be silent. */
const AWAY_MS = 3000
const SLOW_MS = 6000
/** Each way, for every piece of data. */
const DELAY_MS = 100
/** Just enough for a connection to be there. */
const RESET_MS = 10

/** What happens on the way between the services and Kafka, Postgres and ClickHouse. */
export const NETWORK_SCENARIOS: readonly Scenario[] = [
  {
    name: "network-cut",
    about: "for 3 s no connection can be opened to Kafka, then each is taken and reset at once, then none can be opened to the stores",
    network: true,
    everyMs: 3000,
    duplicatesPerFault: IN_FLIGHT,
    async fault({ network: { kafka, stores } }, nth) {
      if (nth % 3 === 1) return resetAll(kafka)
      const ways = nth % 3 === 0 ? kafka : stores
      for (const way of ways) {
        way.refuse()
        way.cut()
      }
      await wait(AWAY_MS)
      for (const way of ways) way.restore()
    },
  },
  {
    name: "network-slow",
    about: "whatever goes to Kafka and the stores and comes back takes 100 ms longer each way, for 6 s at a time",
    network: true,
    everyMs: 3000,
    duplicatesPerFault: 0,
    async fault({ network }) {
      const ways = [...network.kafka, ...network.stores]
      for (const way of ways) way.delay(DELAY_MS)
      await wait(SLOW_MS)
      for (const way of ways) way.restore()
    },
  },
  {
    name: "answers-lost",
    about: "what is appended to Kafka, then whatever the stores are asked, arrives and is done, and for 3 s no answer comes back",
    network: true,
    everyMs: 3000,
    duplicatesPerFault: IN_FLIGHT,
    async fault({ network }, nth) {
      if (nth % 2 === 0) return loseAppendAnswers(network.kafka)
      for (const way of network.stores) way.stall("answers")
      await wait(AWAY_MS)
      for (const way of network.stores) {
        way.cut()
        way.restore()
      }
    },
  },
]

async function resetAll(ways: readonly TcpProxy[]): Promise<void> {
  for (const untilMs = performance.now() + AWAY_MS; performance.now() < untilMs; await wait(RESET_MS)) for (const way of ways) way.cut()
}

/** Every connection is reset as soon as the broker has answered an append on it. */
async function loseAppendAnswers(ways: readonly TcpProxy[]): Promise<void> {
  const over = wait(AWAY_MS, "over")
  const loseAll = async (way: TcpProxy): Promise<void> => {
    while ((await Promise.race([way.dropAnswer(isAppend), over])) !== "over") continue
    way.restore()
  }
  await Promise.all(ways.map(loseAll))
}

/** After its length, a request to Kafka begins with its kind: 0 appends. */
const isAppend = (request: Buffer): boolean => request.length >= 6 && request.readInt16BE(4) === 0
