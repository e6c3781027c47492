import { setTimeout as wait } from "node:timers/promises"
import { limits } from "@posthorn/core"
import type { Kafka, KafkaBroker } from "@posthorn/testkit"
import { IN_FLIGHT, type Scenario } from "./scenario.ts"

/** A broker that comes back needs some seconds to be in sync again; min.insync.replicas allows for one that is away. */
const AWAY_MS = 5000
/** Until a broker that was killed has been missed, and is no in-sync replica any more. */
const MISSED_MS = 4000
/** An append that is not acknowledged is given up after this time, and its caller told so. */
const NO_MAJORITY_MS = limits.APPEND_TIMEOUT_MS
const ANSWER_MS = limits.APPEND_TIMEOUT_MS + 15_000

const inTurn = ({ brokers }: Kafka, nth: number): KafkaBroker | undefined => brokers[nth % brokers.length]

/** What happens to Kafka's brokers. */
export const BROKER_SCENARIOS: readonly Scenario[] = [
  {
    name: "broker-kill",
    about: "SIGKILL of one of three brokers after the other, each away for 5 s",
    everyMs: 6000,
    duplicatesPerFault: IN_FLIGHT,
    async fault({ kafka }, nth) {
      await inTurn(kafka, nth)?.stop("SIGKILL")
      await wait(AWAY_MS)
      await inTurn(kafka, nth)?.start()
    },
  },
  {
    name: "broker-pause",
    about: "one of three brokers after the other is frozen for 5 s with its connections open",
    everyMs: 6000,
    duplicatesPerFault: IN_FLIGHT,
    async fault({ kafka }, nth) {
      inTurn(kafka, nth)?.signal("SIGSTOP")
      await wait(AWAY_MS)
      inTurn(kafka, nth)?.signal("SIGCONT")
    },
  },
  {
    name: "min-isr",
    about: "two of three brokers are away for 30 s, so that nothing can be acknowledged: publishers are told 503",
    // Once.
    everyMs: 60_000,
    duplicatesPerFault: IN_FLIGHT,
    answerMs: ANSWER_MS,
    async fault({ kafka: { brokers } }) {
      const [first, second] = brokers
      await first?.stop("SIGKILL")
      await wait(MISSED_MS)
      // In good order, because it takes two to agree that it is no in-sync replica any more.
      await second?.stop("SIGTERM")
      await wait(NO_MAJORITY_MS)
      await Promise.all([first?.start(), second?.start()])
    },
    problems: (_, { unavailable }) => (unavailable === 0 ? ["no request was answered 503"] : []),
  },
]
