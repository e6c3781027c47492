import { startPostgres, type PostgresServer } from "@posthorn/testkit/postgres"
import { Pool } from "pg"
import { afterAll, beforeAll, onTestFinished } from "vitest"
import { membershipConformance } from "../conformance/membership-conformance.ts"
import { PostgresMembership } from "./postgres-membership.ts"
import { prepareSchema } from "./schema.ts"

let server: PostgresServer
let schemas = 0

beforeAll(async () => {
  server = await startPostgres()
}, 120_000)

afterAll(() => server.remove(), 120_000)

membershipConformance("postgres", async () => {
  const pool = new Pool({ connectionString: server.url, max: 2 })
  // Ending a pool does not wait for its sockets, which then hear of the server's end.
  pool.on("error", () => undefined)
  onTestFinished(() => pool.end())
  const schema = `groups_${++schemas}`
  const topics = await prepareSchema(pool, schema, 4)
  await pool.query(`update ${schema}.partitions set next_offset = 10`)
  const listeners = new Set<() => void>()
  const members: PostgresMembership[] = []
  return {
    join: () => {
      const member = new PostgresMembership({
        pool,
        schema,
        group: "workers",
        topics: ["deliveries"],
        topicId: (topic) => topics.get(topic)?.id ?? -1,
        notice: { channel: schema, payload: "" },
        changed: () => listeners.forEach((listener) => listener()),
        onChanged: (listener) => {
          listeners.add(listener)
          return () => listeners.delete(listener)
        },
      })
      members.push(member)
      return member
    },
    // The first member is the only one in the table by then.
    silence: async () => void (await pool.query(`update ${schema}.members set seen_at = seen_at - interval '1 hour'`)),
  }
})
