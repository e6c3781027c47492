/**
 * The baseline of `ingest-batch`: puts batches of records into the log's own store, with nothing around them, a number of batches at a time:
 * with kafkajs if `POSTHORN_KAFKA_BROKERS` is set, else by inserts into a table of Postgres. `node bare-appender.ts <json>`.
 */
import { randomBytes } from "node:crypto"
import { Kafka, logLevel } from "kafkajs"
import pg from "pg"

interface Plan {
  readonly postgresUrl: string
  readonly batches: number
  readonly records: number
  readonly bytes: number
  readonly forMs: number
}

interface Store {
  append(keys: readonly string[], value: Buffer): Promise<unknown>
  close(): Promise<unknown>
}

const PARTITIONS = 6

async function openPostgres({ postgresUrl, batches }: Plan): Promise<Store> {
  const pool = new pg.Pool({ connectionString: postgresUrl, max: batches })
  await pool.query(`create table if not exists bare_records (id bigserial primary key, key text not null, value bytea not null)`)
  const insert = { name: "insert", text: `insert into bare_records (key, value) select * from unnest($1::text[], $2::bytea[])` }
  return {
    append: (keys, value) => pool.query({ ...insert, values: [keys, keys.map(() => value)] }),
    close: () => pool.end(),
  }
}

async function openKafka(brokers: readonly string[]): Promise<Store> {
  const kafka = new Kafka({ brokers: [...brokers], clientId: "posthorn-bench", logLevel: logLevel.ERROR })
  const topic = `bench.bare.${randomBytes(6).toString("hex")}`
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: PARTITIONS, replicationFactor: -1 }] })
  await admin.disconnect()
  const producer = kafka.producer()
  await producer.connect()
  return {
    append: (keys, value) => producer.send({ topic, acks: -1, messages: keys.map((key) => ({ key, value })) }),
    close: () => producer.disconnect(),
  }
}

const plan = JSON.parse(process.argv[2] ?? "") as Plan
const brokers = (process.env["POSTHORN_KAFKA_BROKERS"] ?? "").split(",").filter((broker) => broker !== "")
const store = await (brokers.length > 0 ? openKafka(brokers) : openPostgres(plan))
const value = randomBytes(plan.bytes)
let appended = 0
const startedAt = performance.now()
await Promise.all(
  Array.from({ length: plan.batches }, async () => {
    while (performance.now() - startedAt < plan.forMs) {
      await store.append(
        Array.from({ length: plan.records }, () => randomBytes(8).toString("hex")),
        value,
      )
      appended += plan.records
    }
  }),
)
process.stdout.write(`${JSON.stringify({ perSecond: (appended * 1000) / (performance.now() - startedAt) })}\n`)
await store.close()
