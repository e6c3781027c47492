import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { findEmbeddedClickHouse } from "@posthorn/analytics/embedded"
import { eventually } from "@posthorn/testkit"
import pg from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { startStandalone, type Installation } from "../e2e/installation.ts"

const POSTHORN = join(import.meta.dirname, "../../services/posthorn.ts")
const BATCH = 100
const TIMEOUT_MS = 180_000

let posthorn: Installation
let client: pg.Client
let applicationId: string

beforeAll(async () => {
  posthorn = await startStandalone()
  client = new pg.Client({ connectionString: posthorn.postgresUrl })
  await client.connect()
  const answer = await fetch(`${posthorn.httpUrl}/v1/applications`, { headers: { authorization: `Bearer ${posthorn.adminKey}` } })
  const { applications } = (await answer.json()) as { readonly applications: readonly { readonly id: string }[] }
  applicationId = applications[0]!.id
}, TIMEOUT_MS)

afterAll(async () => {
  await client.end()
  await posthorn.stop()
}, TIMEOUT_MS)

const dataDir = (): string => join(posthorn.directory, ".posthorn")
const sql = async <Row extends pg.QueryResultRow>(text: string): Promise<readonly Row[]> => (await client.query<Row>(text)).rows

/** Answers how many were published. */
async function publish(batches: number): Promise<number> {
  const events = Array.from({ length: BATCH }, (_, number) => ({ applicationId, type: "order.created", data: { number } }))
  for (let batch = 0; batch < batches; batch++) {
    const headers = { authorization: `Bearer ${posthorn.adminKey}`, "content-type": "application/json" }
    const answer = await fetch(`${posthorn.httpUrl}/v1/events:batch`, { method: "POST", headers, body: JSON.stringify({ events }) })
    expect(answer.status).toBe(202)
  }
  return batches * BATCH
}

function start(...args: readonly string[]) {
  const child = spawn(process.execPath, [POSTHORN, ...args], {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], POSTHORN_DATA_DIR: dataDir() },
    stdio: ["ignore", "pipe", "pipe"],
  })
  let output = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => void (output += part.toString()))
  return { child, ended: once(child, "close").then(([code]) => ({ code: code as number | null, output })) }
}

const run = (...args: readonly string[]) => start(...args).ended

const allDelivered = (count: number) =>
  eventually(
    async () =>
      Number((await sql<{ n: string }>("select count(*) as n from posthorn.deliveries where state = 'delivered'"))[0]?.n) === count,
    {
      timeoutMs: 120_000,
      what: `${count} deliveries`,
    },
  )

let published = 0

test(
  "a rebuild of the status views that is killed goes on when it is run again, while events are published and delivered",
  { timeout: TIMEOUT_MS },
  async () => {
    published += await publish(60)
    await allDelivered(published)
    const killed = start("rebuild", "postgres")
    const filled = "select to_regclass('posthorn_rebuild.projector_offset') is not null as there"
    await eventually(async () => (await sql<{ there: boolean }>(filled))[0]?.there === true, {
      timeoutMs: 60_000,
      what: "a rebuild that has begun",
    })
    killed.child.kill("SIGKILL")
    await killed.ended

    const more = publish(60)
    const { code, output } = await run("rebuild", "postgres")
    expect(output).toContain("the new view is live")
    expect(code).toBe(0)
    published += await more
    await allDelivered(published)
    expect(await sql("select nspname from pg_namespace where nspname in ('posthorn_rebuild', 'posthorn_old')")).toEqual([])
    const { output: verified, code: clean } = await run("verify")
    expect(verified).toContain("both views are what the log says")
    expect(clean).toBe(0)
  },
)

test("analytics is made anew while attempts come in, and has each of them once", { timeout: TIMEOUT_MS }, async () => {
  const more = publish(30)
  const { code, output } = await run("rebuild", "clickhouse")
  expect(output).toMatch(/delivery_attempts \d{8} replaced/)
  expect(code).toBe(0)
  published += await more
  await allDelivered(published)
  const { output: verified, code: clean } = await run("verify")
  expect(verified).toContain(`analytics: ${published} attempts compared, 0 differ`)
  expect(clean).toBe(0)
})

test("rows that were changed, deleted or added by hand are named, in either view", { timeout: TIMEOUT_MS }, async () => {
  const rows = await sql<{ id: string }>("select id from posthorn.deliveries order by id limit 4")
  const [changed, without, unseen, doubled] = rows.map(({ id }) => id)
  await sql(`update posthorn.deliveries set state = 'dead' where id = '${changed}'`)
  await sql(`delete from posthorn.attempts where delivery_id = '${without}'`)
  await sql(`insert into posthorn.events select (jsonb_populate_record(e, '{"id":"evt_added"}')).* from posthorn.events e limit 1`)
  const analytics = (await findEmbeddedClickHouse(join(dataDir(), "clickhouse"))) ?? ""
  const { origin, username, password } = new URL(analytics)
  const headers = { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` }
  for (const statement of [
    `ALTER TABLE posthorn.delivery_attempts DELETE WHERE delivery_id = '${unseen}' SETTINGS mutations_sync = 1`,
    `INSERT INTO posthorn.delivery_attempts SELECT * REPLACE (7 AS attempt) FROM posthorn.delivery_attempts WHERE delivery_id = '${doubled}'`,
  ])
    expect((await fetch(origin, { method: "POST", headers, body: statement })).status).toBe(200)

  const { code, output } = await run("verify")
  expect(code).toBe(1)
  expect(output).toMatch(new RegExp(`deliveries: ${changed} .* is different in state`))
  expect(output).toMatch(new RegExp(`attempts: ${without} .* is missing`))
  expect(output).toMatch(/events: evt_added .* is extra/)
  expect(output).toContain(`analytics: ${unseen}/1 of ${applicationId}`)
  expect(output).toMatch(new RegExp(`analytics: ${unseen}/1 .* is missing`))
  expect(output).toMatch(new RegExp(`analytics: ${doubled}/7 .* is extra`))
  const json = JSON.parse((await run("verify", "--json")).output.replace(/^[^{].*$/gm, "")) as { readonly clean: boolean }
  expect(json.clean).toBe(false)

  expect((await run("rebuild", "postgres")).code).toBe(1)
  expect((await run("rebuild", "postgres", "--drop-unexplained")).code).toBe(0)
  expect((await run("rebuild", "clickhouse")).code).toBe(0)
  const { output: mended, code: clean } = await run("verify")
  expect(mended).toContain("both views are what the log says")
  expect(clean).toBe(0)
})

test("what is not called rightly ends with 2 and says how it is called", async () => {
  for (const args of [[], ["rebuild"], ["rebuild", "mysql"], ["verify", "--differences", "x"], ["dance"]]) {
    const { code, output } = await run(...args)
    expect(output, args.join(" ")).toContain("usage: posthorn")
    expect(code, args.join(" ")).toBe(2)
  }
  const { code, output } = await run("verify", "--help")
  expect(output).toContain("POSTHORN_DATA_DIR")
  expect(code).toBe(0)
})
