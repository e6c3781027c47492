import type { Verdict } from "../figures.ts"
import { startGateway } from "../posthorn.ts"
import { load, runJson } from "../processes.ts"
import { compareInRounds } from "../rounds.ts"
import { CHECKED_DATA, CHECKED_TYPE, openCheckedTenant } from "../tenant.ts"

const FOR_MS = 4000
const BATCH = 100
/** Batches under way, on both sides. */
const CONNECTIONS = 16
const EVENT = JSON.stringify({ type: CHECKED_TYPE, data: CHECKED_DATA })
const BODY = `{"events":[${Array.from({ length: BATCH }, () => EVENT).join(",")}]}`

/** Events published a hundred a call and acknowledged by the log, against records that are put into the log's store as bare batches of a hundred. */
export async function ingestBatch(): Promise<readonly Verdict[]> {
  const posthorn = await startGateway()
  try {
    const target = await openCheckedTenant(posthorn)
    const plan = { ...target, path: `${target.path}:batch`, bodies: [BODY], connections: CONNECTIONS, forMs: FOR_MS }
    const accepted = async (): Promise<number> => (await posthorn.metrics()).sum("posthorn_ingest_events_total")
    const ours = async (): Promise<number> => {
      const before = await accepted()
      const { answers, wrong, seconds } = await load(plan)
      if (wrong > 0) throw new Error(`${wrong} of ${answers} answers were not ${plan.expectStatus}`)
      const events = (await accepted()) - before
      // A batch is answered with success although events of it are refused.
      if (events !== answers * BATCH) throw new Error(`${events} events were accepted of ${answers * BATCH}`)
      return events / seconds
    }
    const appended = { postgresUrl: posthorn.postgresUrl, batches: CONNECTIONS, records: BATCH, bytes: EVENT.length, forMs: FOR_MS }
    const baseline = async (): Promise<number> =>
      (await runJson<{ perSecond: number }>("bare-appender.ts", [JSON.stringify(appended)])).perSecond
    const bare = process.env["POSTHORN_KAFKA_BROKERS"] ? "a raw kafkajs producer" : "bare inserts into the same Postgres"
    return await compareInRounds({
      name: "ingest-batch",
      about: `authenticated, limited, checked and durable-acked POST /v1/events:batch of ${BATCH} events of ${EVENT.length} B, ${CONNECTIONS} connections, against ${bare}, as many records in as many batches`,
      goal: { first: 0.5, aim: 0.7 },
      ours,
      baseline,
      notes: () => ({ baselineIs: bare }),
    })
  } finally {
    await posthorn.stop()
  }
}
