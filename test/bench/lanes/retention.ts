import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { StatusStore } from "@posthorn/store"
import { startEmbeddedPostgres } from "@posthorn/store/embedded"
import { createPostgresStore } from "@posthorn/store/postgres"
import pg from "pg"
import type { Verdict } from "../figures.ts"
import { loadClaims, loadDay } from "../retention/load-day.ts"
import { repeat } from "../retention/repeat.ts"
import { newRows } from "../retention/sample-rows.ts"
import { measureInRounds } from "../rounds.ts"

const ROWS = 2_000_000
const WAITING = 5000
const CLAIMS = 1_000_000
/** Events of one write. */
const BATCH = 50
const WRITES_BEFORE = 200
const DAY_MS = 24 * 3600_000
const DAYS = { idle: Date.UTC(2031, 4, 6), waiting: Date.UTC(2031, 4, 7), today: Date.UTC(2031, 4, 20) }
const RETENTION_HOURS = 72

/** What letting go of a full day costs, and those who write meanwhile, or read the very day. */
export async function retention(): Promise<readonly Verdict[]> {
  return measureInRounds({
    name: "retention",
    about: `letting go of a day of ${ROWS} events, deliveries and attempts, and of another with ${WAITING} on their way; ${CLAIMS} idempotency keys`,
    goals: {
      longestWriteMs: { first: 1000, aim: 100 },
      longestReadMs: { first: 1000, aim: 250 },
      claimsMs: { first: 200_000, aim: 10_000 },
    },
    rounds: 1,
    measure,
  })
}

async function measure(): Promise<Record<string, number>> {
  const dataDir = await mkdtemp(join(tmpdir(), "posthorn-bench-"))
  const server = await startEmbeddedPostgres({ dataDir })
  const [store, other] = [createPostgresStore({ url: server.url }), createPostgresStore({ url: server.url })]
  const [loader, reader] = [new pg.Client({ connectionString: server.url }), new pg.Client({ connectionString: server.url })]
  try {
    // The store makes the tables of a day when it has a row for it.
    await store.project({ ranges: [], rows: newRows(3, DAYS.idle, DAYS.waiting, DAYS.today) })
    await Promise.all([loader.connect(), reader.connect()])
    await loader.query("truncate posthorn.events, posthorn.deliveries, posthorn.attempts")
    await loadDay(loader, "20310506", { rows: ROWS, waiting: 0 })
    await loadDay(loader, "20310507", { rows: ROWS, waiting: WAITING })
    await loadClaims(loader, "20310512", CLAIMS)
    const writing = repeat(() => other.project({ ranges: [], rows: newRows(BATCH, DAYS.today) }))
    const reading = repeat(() =>
      reader.query("select from posthorn.deliveries where created_at between '20310506 12:00Z' and '20310507 12:00Z' limit 1"),
    )
    // What these take when nothing else goes on.
    while (writing.times < WRITES_BEFORE) await loader.query("select pg_sleep(0.01)")
    const before = { longestWriteBeforeMs: writing.longestMs(), longestReadBeforeMs: reading.longestMs() }
    const dropMs = await timed(() => retain(store, DAYS.idle, { dropped: ["20310506"] }))
    const holdMs = await timed(() => retain(store, DAYS.waiting, { held: ["20310507"] }))
    const after = { longestWriteMs: writing.longestMs(), longestReadMs: reading.longestMs() }
    await Promise.all([writing.stop(), reading.stop()])
    const claimsMs = await timed(() => retain(store, DAYS.waiting + 4 * DAY_MS, { claims: CLAIMS }))
    return { dropMs, holdMs, claimsMs, ...before, ...after }
  } finally {
    await Promise.all([loader.end(), reader.end()])
    await Promise.all([store.close(), other.close()])
    await server.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** A round of housekeeping when a day is just old enough, that has to come to something. */
async function retain(store: StatusStore, dayMs: number, wanted: Readonly<Record<string, unknown>>): Promise<void> {
  const retained = await store.retain({ nowMs: dayMs + DAY_MS + RETENTION_HOURS * 3600_000, retentionHours: RETENTION_HOURS })
  const shown = Object.fromEntries(Object.keys(wanted).map((name) => [name, retained[name as keyof typeof retained]]))
  if (JSON.stringify(shown) !== JSON.stringify(wanted)) throw new Error(`housekeeping came to ${JSON.stringify(retained)}`)
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}
