import { randomUUID } from "node:crypto"
import type { EventLog, LogRecord } from "@posthorn/log"
import { type LogFixture, logConformance } from "@posthorn/log/conformance"
import { createKafkaLog, type KafkaLogOptions } from "@posthorn/log/kafka"
import { eventually, kafkaForTests, startStallableNetwork } from "@posthorn/testkit"
import kafkajs from "kafkajs"
import { afterAll, expect, onTestFinished, test } from "vitest"

const kafka = await kafkaForTests()
const PARTITIONS = 4
const PATIENCE = { timeoutMs: 45_000 }
const TEST_TIMEOUT_MS = 120_000

if ("skipped" in kafka) {
  test.skip(`Kafka as a log: ${kafka.skipped}`)
} else {
  const { brokers } = kafka
  afterAll(() => kafka.stop())

  /** As any other program would write or look. */
  const client = () => new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING })
  const optionsOf = (prefix: string): KafkaLogOptions => ({ brokers, prefix, partitions: PARTITIONS, clientId: "posthorn-test" })
  const openFixture = async (): Promise<LogFixture & { readonly prefix: string }> => {
    const prefix = `test-${randomUUID()}.`
    const log = await createKafkaLog(optionsOf(prefix))
    const closing: (() => Promise<unknown>)[] = [() => log.close()]
    const openMore = async (options: KafkaLogOptions) => {
      const another = await createKafkaLog(options)
      closing.push(() => another.close())
      return another
    }
    return {
      prefix,
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
        for (const close of closing.toReversed()) await close()
        await deleteTopics(prefix)
      },
    }
  }

  /** A suite's worth of topics would not fit in brokers with a small heap. */
  const deleteTopics = async (prefix: string): Promise<void> => {
    const admin = client().admin()
    await admin.connect()
    await admin.deleteTopics({ topics: (await admin.listTopics()).filter((name) => name.startsWith(prefix)) })
    await admin.disconnect()
  }

  logConformance("Kafka", openFixture)

  test("what stays with its member when another joins is not handed over again", { timeout: TEST_TIMEOUT_MS }, async () => {
    const fixture = await openFixture()
    onTestFinished(() => fixture.close(), TEST_TIMEOUT_MS)
    const { log } = fixture
    const topic = "deliveries"
    const append = (value: string) =>
      log.append([0, 1, 2, 3].map((partition) => ({ topic, partition, key: "", value: Buffer.from(value) })))
    const join = async (on: EventLog) => {
      const seen: string[] = []
      const member = await on.join({
        group: "workers",
        topics: [topic],
        handler: {
          records: (owned, records) => seen.push(...records.map(({ value }) => `${owned.partition} ${Buffer.from(value).toString()}`)),
          failed: (error) => seen.push(String(error)),
        },
      })
      return { member, seen }
    }
    await append("before")
    const first = await join(log)
    await eventually(() => first.seen.length === 4, PATIENCE)
    const before = first.member.owned()
    const second = await join(await fixture.openAnother())
    await eventually(() => first.member.owned().length === 2 && second.member.owned().length === 2, PATIENCE)
    await append("after")

    const stayed = first.member.owned().map(({ partition }) => partition)
    const moved = second.member.owned().map(({ partition }) => partition)
    await eventually(() => first.seen.length === 6 && second.seen.length === 4, PATIENCE)
    expect(first.seen.slice(4).toSorted()).toEqual(stayed.map((partition) => `${partition} after`).toSorted())
    // Nothing was finished, so all of what moved is handed over to its new owner.
    expect(second.seen.toSorted()).toEqual(moved.flatMap((partition) => [`${partition} after`, `${partition} before`]).toSorted())
    expect(before.filter(({ signal }) => !signal.aborted).map(({ partition }) => partition)).toEqual(stayed)
  })

  test(
    "a record without a key or value, and one compressed with zstd, come from other writers as they are",
    { timeout: TEST_TIMEOUT_MS },
    async () => {
      const fixture = await openFixture()
      onTestFinished(() => fixture.close(), TEST_TIMEOUT_MS)
      const prefix = fixture.prefix
      const producer = client().producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
      await producer.connect()
      const send = (compression: kafkajs.CompressionTypes, key: string | null, value: string | null) =>
        producer.send({ topic: `${prefix}events`, compression, messages: [{ key, value, partition: 1 }] })
      await send(kafkajs.CompressionTypes.None, null, null)
      await send(kafkajs.CompressionTypes.ZSTD, "key", "x".repeat(10_000))
      await producer.disconnect()
      const seen: LogRecord[] = []
      await fixture.log.read([{ topic: "events", partition: 1, from: 0, to: 2 }], (records) => seen.push(...records))
      expect(seen.map(({ key, value }) => [key, Buffer.from(value).toString()])).toEqual([
        ["", ""],
        ["key", "x".repeat(10_000)],
      ])
    },
  )

  test("topics with another number of partitions are refused, by name", { timeout: TEST_TIMEOUT_MS }, async () => {
    const fixture = await openFixture()
    onTestFinished(() => fixture.close(), TEST_TIMEOUT_MS)
    const opening = createKafkaLog({ ...optionsOf(fixture.prefix), partitions: PARTITIONS + 1 })
    await expect(opening).rejects.toThrow(`${fixture.prefix}events has ${PARTITIONS} and should have ${PARTITIONS + 1}`)
  })
}
