import { randomUUID } from "node:crypto"
import { kafkaForTests, startStallableNetwork } from "@posthorn/testkit"
import kafkajs from "kafkajs"
import { afterAll, test } from "vitest"
import { type LogFixture, logConformance } from "../conformance/log-conformance.ts"
import { createKafkaLog, type KafkaLogOptions } from "./kafka-log.ts"

const kafka = await kafkaForTests()
const PARTITIONS = 4

if ("skipped" in kafka) {
  test.skip(`Kafka as a log: ${kafka.skipped}`)
} else {
  const { brokers } = kafka
  afterAll(() => kafka.stop())

  const optionsOf = (prefix: string): KafkaLogOptions => ({ brokers, prefix, partitions: PARTITIONS, clientId: "posthorn-test" })
  const freshPrefix = (): string => `test-${randomUUID()}.`

  const openFixture = async (): Promise<LogFixture> => {
    const prefix = freshPrefix()
    const log = await createKafkaLog(optionsOf(prefix))
    const closing: (() => Promise<unknown>)[] = [() => log.close()]
    const openMore = async (options: KafkaLogOptions) => {
      const another = await createKafkaLog(options)
      closing.push(() => another.close())
      return another
    }
    return {
      log,
      openAnother: () => openMore(optionsOf(prefix)),
      openFragile: async () => {
        const network = await startStallableNetwork(brokers)
        closing.push(() => network.close())
        const fragile = await openMore({ ...optionsOf(prefix), socketFactory: network.socketFactory })
        closing.push(async () => network.resume())
        return { log: fragile, cutOff: async () => network.stall(), restore: async () => network.resume() }
      },
      // Kafka's classic groups take partitions away at once.
      drains: false,
      close: async () => {
        for (const close of closing.reverse()) await close()
        await deleteTopics(prefix)
      },
    }
  }

  /** A suite's worth of topics would not fit in brokers with a small heap. */
  const deleteTopics = async (prefix: string): Promise<void> => {
    const admin = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING }).admin()
    await admin.connect()
    await admin.deleteTopics({ topics: (await admin.listTopics()).filter((name) => name.startsWith(prefix)) })
    await admin.disconnect()
  }

  logConformance("Kafka", openFixture)
}
