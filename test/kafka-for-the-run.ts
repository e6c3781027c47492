import { kafkaForTests } from "@posthorn/testkit"

let stop: (() => Promise<void>) | undefined

/** One Kafka cluster for a whole run: the test processes, started later, find its addresses in their environment. */
export async function setup(): Promise<void> {
  const kafka = await kafkaForTests()
  if ("skipped" in kafka) {
    process.stderr.write(`\n!!! No Kafka for the tests: ${kafka.skipped}\n\n`)
    return
  }
  stop = () => kafka.stop()
  process.env["POSTHORN_TEST_KAFKA_BROKERS"] = kafka.brokers.join(",")
}

export async function teardown(): Promise<void> {
  await stop?.()
}
