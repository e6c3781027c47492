import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type EmbeddedPostgres, startEmbeddedPostgres } from "@posthorn/store/embedded"
import { eventually } from "@posthorn/testkit"
import pg from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { openConnections } from "../../packages/log/src/postgres/connections.ts"
import { Database } from "../../packages/store/src/postgres/database.ts"

// A server that shuts down says so on every connection. One that waited between two statements of a transaction at that moment ended the process.

let dataDir: string
let server: EmbeddedPostgres
let operator: pg.Client
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "posthorn-regression-"))
  server = await startEmbeddedPostgres({ dataDir })
  operator = new pg.Client({ connectionString: server.url })
  await operator.connect()
})
afterAll(async () => {
  await operator?.end()
  await server?.stop()
  await rm(dataDir, { recursive: true, force: true })
})

async function terminate(processId: number): Promise<void> {
  await operator.query("select pg_terminate_backend($1)", [processId])
  await eventually(async () => (await operator.query("select from pg_stat_activity where pid = $1", [processId])).rowCount === 0)
}

test("a connection that the server ends between two statements of a transaction fails the transaction and nothing else", async () => {
  const database = new Database({ url: server.url, connections: 1 })
  const transaction = database.transaction(async (session) => {
    const [backend] = await session.run<{ pid: number }>({ text: "select pg_backend_pid() as pid", values: [] })
    await terminate(backend?.pid ?? 0)
    return session.run({ text: "select 1", values: [] })
  })
  await expect(transaction).rejects.toThrow("the status store cannot be reached")
  expect(await database.run({ text: "select 1 as one", values: [] })).toEqual([{ one: 1 }])
  await database.close()
})

test("the same goes for the log's connections", async () => {
  const connections = openConnections(server.url)
  const client = await connections.groups.connect()
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid")
  await terminate(rows[0]?.pid ?? 0)
  await expect(client.query("select 1")).rejects.toThrow()
  client.release(true)
  expect((await connections.groups.query("select 1 as one")).rows).toEqual([{ one: 1 }])
  await connections.end()
})
