import { setTimeout as wait } from "node:timers/promises"
import { limits, TOPIC_FACTS, TOPICS, type Topic } from "@posthorn/core"
import { eventually } from "@posthorn/testkit"
import kafkajs from "kafkajs"
import pg from "pg"
import { readViews } from "../views.ts"
import type { Scenario, World } from "./scenario.ts"
import { stranger } from "./stranger.ts"

/** Of an installation that does not say otherwise. */
const PARTITIONS = 6
const FOUND_MS_MAX = 60_000
/** Long enough for some records to be there that nobody has read. */
const UNREAD_MS = 3000

/** Bytes that are no message, a message of something else, nothing at all, and no value. */
const GARBAGE: readonly (Buffer | null)[] = [
  Buffer.from("not ours"),
  Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
  Buffer.from([0x78, 0x01]),
  Buffer.alloc(0),
  null,
  Buffer.alloc(limits.RECORD_BYTES_MAX, 0x0a),
]

/** What a stranger does to the topics. */
export const RECORD_SCENARIOS: readonly Scenario[] = [
  {
    name: "poison",
    about: "a stranger writes what nobody can read into every topic: it is in dead-letters within a minute, its neighbours unaffected",
    everyMs: 3000,
    duplicatesPerFault: 0,
    fault: poison,
    async problems({ posthorn, garbage }) {
      const missing = async (): Promise<string[]> => {
        const letters = await poisonLetters(posthorn.postgresUrl)
        return [...garbage].filter((position) => !letters.has(position))
      }
      await eventually(async () => (await missing()).length === 0, { timeoutMs: FOUND_MS_MAX }).catch(() => undefined)
      const left = await missing()
      return left.length === 0 ? [] : [`${left.length} of ${garbage.size} garbage records are no dead letters, such as ${left[0]}`]
    },
  },
  {
    name: "retention",
    about: "what the projector has not read of attempts is deleted: deliveries go on, and the views go on from what is kept",
    everyMs: 4000,
    duplicatesPerFault: 0,
    viewsLack: true,
    async fault({ posthorn }) {
      await posthorn.retire("projector")
      await wait(UNREAD_MS)
      await deleteAttempts(posthorn)
      await posthorn.start("projector")
    },
    async problems({ api, applicationId, subscriptions, posthorn }, { acknowledged }) {
      const wanted = acknowledged.size * Object.keys(subscriptions).length
      if ((await readViews(posthorn)).delivered === wanted) return ["all that was deleted had been read"]
      const { id } = await api.must<{ id: string }>("POST", "/v1/events", { applicationId, type: "chaos.last", data: {} })
      const path = `/v1/deliveries?applicationId=${applicationId}&eventId=${id}&state=delivered`
      const seen = async (): Promise<boolean> =>
        (await api.must<{ deliveries: unknown[] }>("GET", path)).deliveries.length === Object.keys(subscriptions).length
      return eventually(seen, { timeoutMs: FOUND_MS_MAX, intervalMs: 500 }).then(
        () => [],
        () => ["the views do not show an event that was published after everything"],
      )
    },
  },
]

/** Where garbage is passed over: what is in dead-letters is there already, and of snapshots only whole ones count. */
const PASSED_OVER: readonly string[] = ["dead-letters", "config.snapshots"] satisfies Topic[]

/** Into every topic one record of each kind, each in another partition. */
async function poison({ posthorn: { kafka }, garbage }: World, nth: number): Promise<void> {
  const prefix = kafka?.prefix ?? ""
  const producer = stranger(kafka).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  for (const [kind, value] of GARBAGE.entries()) {
    const placeOf = (topic: Topic): number => (TOPIC_FACTS[topic].partitions === "one" ? 0 : (nth + kind) % PARTITIONS)
    const placed = await producer.sendBatch({
      topicMessages: TOPICS.map((topic) => ({
        topic: prefix + topic,
        messages: [{ key: "stranger", value, partition: placeOf(topic) }],
      })),
    })
    for (const { topicName, partition, baseOffset } of placed) {
      const topic = topicName.slice(prefix.length)
      if (!PASSED_OVER.includes(topic)) garbage.add(`${topic}/${partition}/${baseOffset}`)
    }
  }
  await producer.disconnect()
}

/** All that is there now, in every partition. */
async function deleteAttempts({ kafka }: World["posthorn"]): Promise<void> {
  const topic = `${kafka?.prefix}attempts`
  const admin = stranger(kafka).admin()
  await admin.connect()
  // Also loads what the client has to know before it can delete.
  const ends = await admin.fetchTopicOffsets(topic)
  await admin.deleteTopicRecords({ topic, partitions: ends.map(({ partition, high }) => ({ partition, offset: high })) })
  await admin.disconnect()
}

/** Where the records were that nobody could read, as the status view knows them. */
async function poisonLetters(postgresUrl: string): Promise<Set<string>> {
  const client = new pg.Client({ connectionString: postgresUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ position: string }>(
      `SELECT substr(identity, length('poison/') + 1) AS position FROM posthorn.dead_letters WHERE reason = 'poison'`,
    )
    return new Set(rows.map(({ position }) => position))
  } finally {
    await client.end()
  }
}
