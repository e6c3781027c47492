import { type Kafka, startKafka } from "./kafka.ts"
import { answers, whyNoKafkaJars } from "./kafka-jars.ts"

export interface KafkaForTests {
  /** `host:port` of every broker. */
  readonly brokers: readonly string[]
  /** Brokers that a test may stop; absent when they are not ours. */
  readonly control?: Kafka
  stop(): Promise<void>
}

/**
 * The Kafka that tests share: what `POSTHORN_TEST_KAFKA_BROKERS` names, else a container where Docker answers, else three brokers from
 * jars where `java` and `mvn` are. Without any: the reason, or an error where `CI` is `true`. Start it once for a whole run.
 */
export async function kafkaForTests(): Promise<KafkaForTests | { readonly skipped: string }> {
  const named = process.env["POSTHORN_TEST_KAFKA_BROKERS"]
  if (named !== undefined && named !== "") return { brokers: named.split(","), stop: async () => {} }

  if (await answers("docker", ["info"], 2000)) {
    const { startKafkaContainer } = await import("./kafka-container.ts")
    return startKafkaContainer()
  }

  const missing = await whyNoKafkaJars()
  if (missing === undefined) {
    const control = await startKafka({ brokers: 3 })
    return { brokers: control.addresses, control, stop: () => control.remove() }
  }
  const reason = `POSTHORN_TEST_KAFKA_BROKERS is not set, Docker does not answer, and ${missing}`
  if (process.env["CI"] === "true") throw new Error(reason)
  return { skipped: reason }
}
