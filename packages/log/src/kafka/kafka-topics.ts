import { setTimeout as delay } from "node:timers/promises"
import { limits, TOPIC_FACTS, TOPICS, type Topic } from "@posthorn/core"
import kafkajs, { type Admin } from "kafkajs"

export interface TopicsWanted {
  readonly nameOf: (topic: Topic) => string
  readonly partitionsOf: (topic: Topic) => number
  /** Default: 3, or as many as there are brokers. */
  readonly replicationFactor?: number
}

/** All records that one append puts into a partition travel as one batch, and the limit is on the batch. */
const BATCH_BYTES_MAX = limits.APPEND_BYTES_MAX + limits.RECORD_BYTES_MAX

/**
 * Creates the topics that are missing, checks those that are there, and waits until every partition's leader serves it: a producer that
 * comes earlier writes records twice. Several processes may do so at the same time.
 * Throws when a topic cannot serve (its settings are an operator's to change), and what Kafka answers after `KAFKA_GIVE_UP_MS` of trying.
 */
export async function ensureTopics(admin: Admin, wanted: TopicsWanted): Promise<void> {
  const deadline = performance.now() + limits.KAFKA_GIVE_UP_MS
  for (;;) {
    try {
      await createMissing(admin, wanted)
      await checkPartitions(admin, wanted)
      await checkBatchBytes(admin, wanted)
      for (const topic of TOPICS) await admin.fetchTopicOffsets(wanted.nameOf(topic))
      return
    } catch (error) {
      // A cluster that has just started does not know all of its brokers yet, nor every broker a topic that was just created.
      if (!(error instanceof kafkajs.KafkaJSError) || performance.now() > deadline) throw error
      await delay(200)
    }
  }
}

async function createMissing(admin: Admin, { nameOf, partitionsOf, replicationFactor }: TopicsWanted): Promise<void> {
  const existing = new Set(await admin.listTopics())
  const missing = TOPICS.filter((topic) => !existing.has(nameOf(topic)))
  if (missing.length === 0) return
  const { brokers } = await admin.describeCluster()
  const replicas = replicationFactor ?? Math.min(3, brokers.length)
  await admin.createTopics({
    waitForLeaders: true,
    timeout: limits.KAFKA_REQUEST_TIMEOUT_MS,
    topics: missing.map((topic) => ({
      topic: nameOf(topic),
      numPartitions: partitionsOf(topic),
      replicationFactor: replicas,
      configEntries: settingsOf(topic, replicas),
    })),
  })
}

function settingsOf(topic: Topic, replicas: number): { name: string; value: string }[] {
  const settings = {
    "cleanup.policy": "delete",
    "retention.ms": TOPIC_FACTS[topic].retentionMs ?? -1,
    "retention.bytes": -1,
    "min.insync.replicas": replicas >= 3 ? 2 : 1,
    "max.message.bytes": BATCH_BYTES_MAX,
    // Time by the brokers' clocks, so that a producer's wrong clock cannot make records expire.
    "message.timestamp.type": "LogAppendTime",
    "unclean.leader.election.enable": false,
  }
  return Object.entries(settings).map(([name, value]) => ({ name, value: String(value) }))
}

async function checkPartitions(admin: Admin, { nameOf, partitionsOf }: TopicsWanted): Promise<void> {
  const { topics } = await admin.fetchTopicMetadata({ topics: TOPICS.map(nameOf) })
  const counts = new Map(topics.map(({ name, partitions }) => [name, partitions.length]))
  const wrong = TOPICS.filter((topic) => counts.get(nameOf(topic)) !== partitionsOf(topic))
  if (wrong.length === 0) return
  const list = wrong.map((topic) => `${nameOf(topic)} has ${counts.get(nameOf(topic)) ?? 0} and should have ${partitionsOf(topic)}`)
  throw new Error(`partitions of a topic cannot change, because keys would move to others: ${list.join("; ")}`)
}

async function checkBatchBytes(admin: Admin, { nameOf }: TopicsWanted): Promise<void> {
  const name = "max.message.bytes"
  const resources = TOPICS.map((topic) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name: nameOf(topic), configNames: [name] }))
  const described = await admin.describeConfigs({ resources, includeSynonyms: false })
  for (const { resourceName, configEntries } of described.resources) {
    const bytes = Number(configEntries.find((entry) => entry.configName === name)?.configValue)
    if (bytes < BATCH_BYTES_MAX) throw new Error(`topic ${resourceName}: ${name} is ${bytes} and must be at least ${BATCH_BYTES_MAX}`)
  }
}
