import { setTimeout as delay } from "node:timers/promises"
import { LogUnavailable, type Position } from "@posthorn/log"
import { createKafkaLog } from "@posthorn/log/kafka"
import { eventually, type Kafka, type KafkaBroker, startKafka, whyNoKafkaJars } from "@posthorn/testkit"
import kafkajs from "kafkajs"
import { afterAll, beforeAll, describe, expect, test } from "vitest"

/*
 * One broker of three is killed or frozen, again and again, while two writers write: the Kafka client as its documentation says
 * (idempotent, all replicas, one send at a time), and our log on top of the same client. The first must show its fault, or our
 * protection against it would be proved by nothing.
 */
const PARTITIONS = 6
const CALLERS = 40
const FAULTS = ["SIGKILL", "SIGSTOP", "SIGKILL", "SIGSTOP", "SIGKILL", "SIGSTOP"] as const
const TIME_MAX_MS = 90_000
/** Records that each writer has acknowledged before a fault counts as survived. */
const PROGRESS = 200

const missing = await whyNoKafkaJars()
if (missing !== undefined && process.env["CI"] === "true") throw new Error(missing)

describe.skipIf(missing !== undefined)(
  `acknowledged records when a broker of three fails${missing === undefined ? "" : ` (skipped: ${missing})`}`,
  () => {
    let kafka: Kafka

    beforeAll(async () => {
      // Leaders go back to a broker that returns, so that every fault hits some.
      kafka = await startKafka({
        brokers: 3,
        settings: { "leader.imbalance.check.interval.seconds": 1, "leader.imbalance.per.broker.percentage": 0 },
      })
    })

    afterAll(async () => {
      await kafka.remove()
    })

    test(
      "the client alone resolves sends that were not sent; the log loses nothing, keeps the order of every key, and its groups are given everything",
      { timeout: 2 * TIME_MAX_MS },
      async () => {
        const ours = await startOurWriter(kafka.addresses)
        const naive = await startNaiveWriter(kafka.addresses)
        const deadline = performance.now() + TIME_MAX_MS
        const oursGoesOn = goesOn(ours.acknowledged)
        const bothGoOn = async () => void (await Promise.all([oursGoesOn(), goesOn(naive.acknowledged)()]))

        await bothGoOn()
        let faults = 0
        for (const fault of FAULTS) {
          // Both faults at least, then until the client has shown what it does.
          if (performance.now() > deadline || (faults >= 2 && naive.unanswered() > 0)) break
          // A broker that leads nothing would fail unnoticed.
          const leader = await naive.leaderOf(faults % PARTITIONS)
          await undergo(fault, kafka.brokers[leader - 1]!, oursGoesOn)
          await bothGoOn()
          faults++
        }
        await Promise.all([naive.stop(), ours.stop()])

        const lostByClient = [...naive.acknowledged].filter((key) => !naive.inLog.has(key)).length
        process.stderr.write(
          `${faults} faults: the client alone acknowledged ${naive.acknowledged.size}, ${naive.unanswered()} partitions unanswered, ${lostByClient} records lost; ours acknowledged ${ours.acknowledged.size}, ${ours.rejected()} rejected\n`,
        )
        expect(naive.unanswered(), "partitions that a resolved send says nothing of").toBeGreaterThan(0)

        const lost = [...ours.acknowledged].filter(([key, position]) => ours.inLog.get(placeOf(position)) !== key)
        expect(lost, "acknowledged records that are not where they were said to be").toEqual([])
        expect(
          [...ours.acknowledged.values()].filter((position) => !ours.handedOver.has(placeOf(position))),
          "acknowledged records that the group was not given",
        ).toEqual([])
        for (const offsets of ours.offsetsByCaller) expect(offsets).toEqual(offsets.toSorted((a, b) => a - b))
      },
    )
  },
)

/** Waits until there is a good deal more than now. */
const goesOn = (acknowledged: { readonly size: number }) => async (): Promise<void> => {
  const before = acknowledged.size
  await eventually(() => acknowledged.size > before + PROGRESS, { timeoutMs: 60_000 })
}

/** The client alone does not get over a frozen broker until it wakes up, so only ours is waited for meanwhile. */
async function undergo(fault: (typeof FAULTS)[number], broker: KafkaBroker, oursGoesOn: () => Promise<void>): Promise<void> {
  if (fault === "SIGKILL") {
    await broker.stop("SIGKILL")
    await oursGoesOn()
    await broker.start()
  } else {
    broker.signal("SIGSTOP")
    await oursGoesOn().finally(() => broker.signal("SIGCONT"))
  }
}

const placeOf = ({ partition, offset }: Position): string => `${partition}/${offset}`

/** Appends through the log, each caller its own key, one after the other, and reads along in a group. */
async function startOurWriter(brokers: readonly string[]) {
  const log = await createKafkaLog({ brokers, partitions: PARTITIONS, prefix: "ours.", clientId: "ours" })
  const acknowledged = new Map<string, Position>()
  const offsetsByCaller = Array.from({ length: CALLERS }, (): number[] => [])
  const inLog = new Map<string, string>()
  const handedOver = new Set<string>()
  let running = true
  let rejected = 0
  const failures: Error[] = []
  await log.join({
    group: "along",
    topics: ["events"],
    handler: {
      records: (partition, records) => {
        for (const record of records) {
          handedOver.add(placeOf(record))
          partition.finish(record.offset)
        }
      },
      failed: (error) => failures.push(error),
    },
  })
  const call = async (offsets: number[], caller: number): Promise<void> => {
    for (let serial = 0; running; serial++) {
      const value = `${caller}-${serial}`
      try {
        const [position] = await log.append([{ topic: "events", key: `caller-${caller}`, value: Buffer.from(value) }])
        acknowledged.set(value, position!)
        offsets.push(position!.offset)
      } catch (error) {
        if (!(error instanceof LogUnavailable)) throw error
        rejected++
      }
      await delay(5)
    }
  }
  const calls = offsetsByCaller.map(call)
  const stop = async (): Promise<void> => {
    running = false
    await Promise.all(calls)
    const ranges = (await log.ends("events")).map(({ partition, low, high }) => ({
      topic: "events" as const,
      partition,
      from: low,
      to: high,
    }))
    await log.read(ranges, (records) => {
      for (const record of records) inLog.set(placeOf(record), String(Buffer.from(record.value)))
    })
    await eventually(() => [...inLog.keys()].every((place) => handedOver.has(place)), {
      timeoutMs: 60_000,
      what: "the group being given everything",
    })
    expect(failures).toEqual([])
    await log.close()
  }
  return { acknowledged, rejected: () => rejected, offsetsByCaller, inLog, handedOver, stop }
}

/** Sends as the client's documentation says, one send at a time, and believes what resolves. */
async function startNaiveWriter(brokers: readonly string[]) {
  const topic = "naive"
  const client = new kafkajs.Kafka({
    clientId: "naive",
    brokers: [...brokers],
    logLevel: kafkajs.logLevel.NOTHING,
    requestTimeout: 2000,
    retry: { retries: 30, initialRetryTime: 100, maxRetryTime: 500 },
  })
  const admin = client.admin()
  await admin.connect()
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: PARTITIONS, replicationFactor: 3 }] })
  const connect = async () => {
    const producer = client.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    })
    await producer.connect()
    return producer
  }
  let producer = await connect()

  const acknowledged = new Set<string>()
  const inLog = new Set<string>()
  let unanswered = 0
  let running = true
  const send = async (): Promise<void> => {
    for (let serial = 0; running;) {
      const messages = Array.from({ length: 20 }, () => ({ key: String(serial), partition: serial++ % PARTITIONS, value: "x".repeat(200) }))
      try {
        const response = await producer.send({ topic, acks: -1, timeout: 2000, messages })
        for (const { key } of messages) acknowledged.add(key)
        unanswered += PARTITIONS - new Set(response.map(({ partition }) => partition)).size
      } catch {
        // What was rejected is nobody's claim. The producer may be out of step for good, so it is replaced.
        await producer.disconnect()
        producer = await connect()
      }
    }
  }
  const sending = send()
  const stop = async (): Promise<void> => {
    running = false
    await sending
    const ends = await admin.fetchTopicOffsets(topic)
    await producer.disconnect()
    await admin.disconnect()
    await readKeys(client, { topic, ends, keys: inLog })
  }
  const leaderOf = async (partition: number): Promise<number> => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return topics[0]!.partitions.find((each) => each.partitionId === partition)!.leader
  }
  return { acknowledged, inLog, unanswered: () => unanswered, leaderOf, stop }
}

interface ReadKeys {
  readonly topic: string
  readonly ends: readonly { readonly partition: number; readonly high: string }[]
  readonly keys: Set<string>
}

async function readKeys(client: kafkajs.Kafka, { topic, ends, keys }: ReadKeys): Promise<void> {
  const left = new Map(ends.filter(({ high }) => high !== "0").map(({ partition, high }) => [partition, Number(high)]))
  const done = Promise.withResolvers<void>()
  const consumer = client.consumer({ groupId: "naive-reader", maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      for (const message of batch.messages) keys.add(String(message.key))
      if (Number(batch.lastOffset()) + 1 >= (left.get(batch.partition) ?? Infinity)) left.delete(batch.partition)
      if (left.size === 0) done.resolve()
    },
  })
  await done.promise
  await consumer.disconnect()
}
