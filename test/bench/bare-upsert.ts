/** The baseline of `rebuild`: the rows that a rebuild writes, ready in memory, upserted by the same statements into the same tables with nothing around them. `node bare-upsert.ts <json>`. */
import { decodeRecord, foldStatus, limits, PROJECTED_TOPICS, type StatusRows } from "@posthorn/core"
import type { LogRecord } from "@posthorn/log"
import { createPostgresShadow } from "@posthorn/store/shadow"
import { Database } from "../../packages/store/src/postgres/database.ts"
import { classesOf, Days } from "../../packages/store/src/postgres/days.ts"
import { upsertAttempts, upsertDeliveries } from "../../packages/store/src/postgres/upsert-deliveries.ts"
import { upsertEvents } from "../../packages/store/src/postgres/upsert-events.ts"
import { openBenchLog } from "./bench-log.ts"

const plan = JSON.parse(process.argv[2] ?? "") as { readonly postgresUrl: string; readonly topicPrefix: string }
const batches = await readRows()
const shadow = createPostgresShadow({ url: plan.postgresUrl, schema: "posthorn_rebuild", connections: 1 })
await shadow.open(true)
const database = new Database({ url: plan.postgresUrl, connections: 1, schema: "posthorn_rebuild" })
for (const rows of batches) await new Days(database).make(classesOf(rows))
const startedAt = performance.now()
for (const rows of batches) {
  await database.transaction(async (session) => {
    await session.run({ text: "set local synchronous_commit to off", values: [] })
    for (const statement of [upsertEvents(rows.events), upsertDeliveries(rows.deliveries), upsertAttempts(rows.attempts)])
      if (statement !== undefined) await session.run(statement)
    return true
  })
}
const tookMs = performance.now() - startedAt
await database.close()
await shadow.drop()
await shadow.close()
process.stdout.write(`${JSON.stringify({ seconds: tookMs / 1000 })}\n`)

/** In batches as a rebuild has them. */
async function readRows(): Promise<readonly StatusRows[]> {
  const log = await openBenchLog(plan)
  const found: StatusRows[] = []
  for (const topic of PROJECTED_TOPICS) {
    for (const { partition, low, high } of await log.ends(topic)) {
      const records: LogRecord[] = []
      await log.read([{ topic, partition, from: low, to: high }], (more) => void records.push(...more))
      for (let from = 0; from < records.length; from += limits.REBUILD_RECORDS_MAX)
        found.push(rowsOf(records.slice(from, from + limits.REBUILD_RECORDS_MAX)))
    }
  }
  await log.close()
  return found
}

function rowsOf(records: readonly LogRecord[]): StatusRows {
  const decoded = records.flatMap(({ topic, partition, offset, value }) => {
    const read = decodeRecord(topic, value)
    return "undecodable" in read ? [] : [{ ...read, partition, offset }]
  })
  return foldStatus(decoded, [])
}
