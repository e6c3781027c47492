import { connect, createServer, type AddressInfo, type Socket } from "node:net"
import { startPostgres, type PostgresServer } from "@posthorn/testkit/postgres"
import { eventually } from "@posthorn/testkit"
import { Client } from "pg"
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest"
import { patience, readAll, record, Recorder, testTimeoutMs, text } from "../conformance/fixture.ts"
import { logConformance } from "../conformance/log-conformance.ts"
import type { EventLog } from "../event-log.ts"
import { createPostgresLog } from "./postgres-log.ts"

let server: PostgresServer
let logs = 0

beforeAll(async () => {
  server = await startPostgres()
}, 60_000)

afterAll(() => server.remove(), 60_000)

logConformance("postgres", async () => {
  const schema = `log_${++logs}`
  const closes: (() => Promise<void>)[] = []
  const openAt = async (url: string): Promise<EventLog> => {
    const log = await createPostgresLog({ url, partitions: 4, schema })
    closes.unshift(() => log.close())
    return log
  }
  return {
    log: await openAt(server.url),
    drains: true,
    openAnother: () => openAt(server.url),
    openFragile: async () => {
      const link = await startLink(server.url)
      closes.unshift(link.close)
      return { log: await openAt(link.url), cutOff: link.cut, restore: link.restore }
    },
    close: async () => {
      for (const close of closes) await close()
    },
  }
})

test("Postgres crashes under load: what was acknowledged is there, and everybody goes on", { timeout: testTimeoutMs }, async () => {
  const log = await createPostgresLog({ url: server.url, partitions: 4, schema: `log_${++logs}` })
  onTestFinished(() => log.close(), testTimeoutMs)
  const recorder = new Recorder({ finishAtOnce: true })
  await log.join({ group: "workers", topics: ["deliveries"], handler: recorder })
  const acknowledged: string[] = []
  let failures = 0
  let stopped = false
  const caller = async (name: number) => {
    for (let turn = 0; !stopped; turn++) {
      const sent = record(name % 4, `${name}:${turn}`)
      await log.append([sent]).then(
        () => acknowledged.push(text(sent)),
        () => failures++,
      )
      if (failures > 0) await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const callers = Array.from({ length: 16 }, (_, name) => caller(name))
  await eventually(() => acknowledged.length > 500, patience)
  await server.crash()
  await eventually(() => failures > 0, patience)
  await server.start()
  const before = acknowledged.length
  await eventually(() => acknowledged.length > before + 500, patience)
  stopped = true
  await Promise.all(callers)
  await eventually(() => {
    const seen = new Set(recorder.seen.map(text))
    return acknowledged.every((each) => seen.has(each))
  }, patience)
  const stored = (await Promise.all([0, 1, 2, 3].map((partition) => readAll(log, partition)))).flat().map(text)
  expect(new Set(stored).size).toBe(stored.length)
  expect(recorder.failures).toEqual([])
})

test("a connection that swallows everything is given up: nothing hangs for ever", { timeout: testTimeoutMs }, async () => {
  const link = await startLink(server.url)
  onTestFinished(() => link.close(), testTimeoutMs)
  const log = await createPostgresLog({ url: link.url, partitions: 4, schema: `log_${++logs}` })
  const recorder = new Recorder({ finishAtOnce: true })
  const member = await log.join({ group: "workers", topics: ["deliveries"], handler: recorder })
  await log.append([record(0, "before")])
  await eventually(() => recorder.seen.length === 1, patience)
  link.swallow()
  await expect(log.append([record(0, "swallowed")])).rejects.toMatchObject({ outcome: "unknown" })
  await eventually(() => member.owned().length === 0, patience)
  await log.close()
})

test("records past their topic's retention go, and those of topics kept for ever stay", { timeout: testTimeoutMs }, async () => {
  const schema = `log_${++logs}`
  const early = await createPostgresLog({ url: server.url, partitions: 2, schema })
  onTestFinished(() => early.close(), testTimeoutMs)
  const topics = ["events", "dead-letters", "config"] as const
  for (const topic of topics) await early.append([{ topic, partition: 0, key: "k", value: Buffer.from("old") }])
  const client = new Client(server.url)
  await client.connect()
  onTestFinished(() => client.end())
  const later = await createPostgresLog({ url: server.url, partitions: 2, schema, clock: () => Date.now() + 8 * 24 * 3600 * 1000 })
  onTestFinished(() => later.close(), testTimeoutMs)
  await eventually(async () => {
    const lows = await Promise.all(topics.map(async (topic) => (await early.ends(topic))[0]?.low))
    const { rows } = await client.query(`select count(*)::integer as kept from ${schema}.records`)
    expect({ lows, kept: rows[0]?.kept }).toEqual({ lows: [1, 0, 0], kept: 2 })
  }, patience)
})

test("several processes may create the schema at once, but not with another number of partitions", { timeout: testTimeoutMs }, async () => {
  const schema = `log_${++logs}`
  const opened = await Promise.all(Array.from({ length: 4 }, () => createPostgresLog({ url: server.url, partitions: 3, schema })))
  expect(await opened[0]!.ends("parked")).toHaveLength(3)
  expect(await opened[3]!.ends("config")).toHaveLength(1)
  await Promise.all(opened.map((log) => log.close()))
  await expect(createPostgresLog({ url: server.url, partitions: 4, schema })).rejects.toThrow("3 partitions")
})

/** A way to the database that can be cut (connections break, new ones are refused) or swallow all that is sent. */
async function startLink(url: string) {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let up = true
  let swallowing = false
  const link = createServer((near) => {
    if (!up || swallowing) return up ? sockets.add(near) : near.destroy()
    const far = connect(Number(target.port), target.hostname)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on("error", () => to.destroy())
      from.on("close", () => sockets.delete(from))
      from.pipe(to)
    }
    return undefined
  })
  await new Promise<void>((resolve) => link.listen(0, "127.0.0.1", resolve))
  const through = new URL(url)
  through.port = String((link.address() as AddressInfo).port)
  const cut = async () => {
    up = false
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: through.href,
    cut,
    swallow: () => {
      swallowing = true
      for (const socket of sockets) socket.unpipe().pause()
    },
    restore: async () => {
      up = true
    },
    close: async () => {
      await cut()
      await new Promise<void>((resolve) => link.close(() => resolve()))
    },
  }
}
