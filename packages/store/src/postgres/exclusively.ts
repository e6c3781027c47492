import { setTimeout as wait } from "node:timers/promises"
import { limits } from "@posthorn/core"
import pg from "pg"
import { unavailable } from "./database.ts"

export interface Hold {
  readonly url: string
  readonly name: string
  readonly signal: AbortSignal
}

/** How often a hold shows that it is alive; and how long it waits to be told so. */
const BEAT_MS = limits.STORE_HOLD_MS / 4

/**
 * Holds a name by an advisory lock, on a connection of its own: the lock lives as long as that does. The server ends the connection when it hears
 * nothing for `STORE_HOLD_MS`, as from a machine that is gone; this side gives up after half of that.
 */
export async function exclusively<Result>(
  { url, name, signal }: Hold,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result | undefined> {
  const lost = new AbortController()
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: limits.STORE_CONNECT_TIMEOUT_MS,
    query_timeout: BEAT_MS,
    keepAlive: true,
    application_name: "posthorn-store",
  })
  const lose = (): void => lost.abort()
  client.on("error", lose)
  client.on("end", lose)
  let beats: NodeJS.Timeout | undefined
  try {
    if (!(await takes(client, name))) return undefined
    beats = setInterval(() => void client.query("select 1").catch(lose), BEAT_MS)
    return await work(AbortSignal.any([signal, lost.signal]))
  } finally {
    clearInterval(beats)
    // The lock goes with the connection, however that ends; a server that has gone silent is not waited for.
    await Promise.race([client.end().catch(() => undefined), wait(BEAT_MS, undefined, { ref: false })])
  }
}

async function takes(client: pg.Client, name: string): Promise<boolean> {
  try {
    await client.connect()
    const { rows } = await client.query<{ held: boolean }>(TAKE, [String(limits.STORE_HOLD_MS), name])
    return rows[0]?.held === true
  } catch (error) {
    throw unavailable(error)
  }
}

const TAKE = "select set_config('idle_session_timeout', $1, false), pg_try_advisory_lock(hashtextextended($2, 0)) as held"
