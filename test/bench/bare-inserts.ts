/** The baseline of `analytics`: the rows that come from the log, ready in memory, as bare JSONEachRow in batches of 10,000 into tables without views. `node bare-inserts.ts <json>`. */
import type { AttemptRow, EventRow } from "@posthorn/core"
import type { LogRecord } from "@posthorn/log"
import { analyticsBatch, ANALYTICS_TOPICS } from "../../services/projector/src/analytics-batch.ts"
import { openBenchLog } from "./bench-log.ts"

interface Plan {
  readonly postgresUrl: string
  readonly clickhouseUrl: string
  readonly topicPrefix: string
}

const BATCH = 10_000

const plan = JSON.parse(process.argv[2] ?? "") as Plan
const { events, attempts } = await readRows()
await statement("DROP DATABASE IF EXISTS bare")
await statement("CREATE DATABASE bare")
for (const table of ["events", "delivery_attempts"]) await statement(`CREATE TABLE bare.${table} AS posthorn.${table}`)
const startedAt = performance.now()
await insertAll("events", events)
await insertAll("delivery_attempts", attempts)
const seconds = (performance.now() - startedAt) / 1000
await statement("DROP DATABASE bare")
process.stdout.write(`${JSON.stringify({ seconds })}\n`)

async function insertAll(table: string, rows: readonly (EventRow | AttemptRow)[]): Promise<void> {
  for (let from = 0; from < rows.length; from += BATCH) {
    const lines = rows.slice(from, from + BATCH).map((row) => JSON.stringify(row))
    await statement(`INSERT INTO bare.${table} FORMAT JSONEachRow`, lines.join("\n"))
  }
}

async function statement(query: string, body = ""): Promise<void> {
  const { origin, username, password } = new URL(plan.clickhouseUrl)
  const headers = { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` }
  const answer = await fetch(`${origin}/?query=${encodeURIComponent(query)}`, { method: "POST", headers, body })
  if (!answer.ok) throw new Error(await answer.text())
  await answer.arrayBuffer()
}

async function readRows() {
  const log = await openBenchLog(plan)
  const records: LogRecord[] = []
  for (const topic of ANALYTICS_TOPICS)
    for (const { partition, low, high } of await log.ends(topic))
      await log.read([{ topic, partition, from: low, to: high }], (more) => void records.push(...more))
  await log.close()
  return analyticsBatch(records, "")
}
