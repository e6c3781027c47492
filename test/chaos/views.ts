import type { Services } from "../e2e/installation.ts"
import pg from "pg"

/** What the views say once everything has been delivered. */
export interface Views {
  readonly events: number
  readonly deliveries: number
  /** Deliveries that are neither delivered, dead nor cancelled. */
  readonly unfinished: number
  readonly delivered: number
  /** Deliveries whose attempts are not 1..n, or are not as many as the delivery counts. */
  readonly holes: number
  /** Attempts that began before they were due. */
  readonly early: number
  /** From due to begun, the hundredth that waited longest. */
  readonly lateP99Ms: number
  /** Attempts that only one of the two stores has. */
  readonly apart: number
}

const COUNTS = `
  SELECT
    (SELECT count(*) FROM posthorn.events) AS events,
    count(*) AS deliveries,
    count(*) FILTER (WHERE state NOT IN ('delivered', 'dead', 'cancelled')) AS unfinished,
    count(*) FILTER (WHERE state = 'delivered') AS delivered
  FROM posthorn.deliveries`

const HOLES = `
  SELECT count(*) AS holes
  FROM posthorn.deliveries d
  LEFT JOIN (
    SELECT delivery_id, count(*) AS made, count(DISTINCT number) AS numbers, min(number) AS lowest, max(number) AS highest
    FROM posthorn.attempts GROUP BY delivery_id
  ) a ON a.delivery_id = d.id
  WHERE d.state = 'delivered'
    AND (a.made IS NULL OR a.lowest <> 1 OR a.numbers <> a.highest OR a.made <> a.numbers OR d.attempt_count <> a.highest)`

const TIMES = `
  SELECT
    count(*) FILTER (WHERE started_at < scheduled_at) AS early,
    coalesce(percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - scheduled_at) * 1000), 0) AS late
  FROM posthorn.attempts`

const ATTEMPTS = `SELECT delivery_id || '/' || round || '/' || number AS id FROM posthorn.attempts`
const FACTS = `SELECT concat(delivery_id, '/', toString(round), '/', toString(attempt)) FROM posthorn.delivery_attempts FINAL FORMAT TabSeparated`

/** Rejects while one of the stores is away. */
export async function readViews({ postgresUrl, clickhouseUrl }: Pick<Services, "postgresUrl" | "clickhouseUrl">): Promise<Views> {
  const client = new pg.Client({ connectionString: postgresUrl, query_timeout: 20_000, connectionTimeoutMillis: 5000 })
  client.on("error", () => undefined)
  try {
    await client.connect()
    const row = async (sql: string): Promise<Record<string, number>> => {
      const { rows } = await client.query<Record<string, string>>(sql)
      return Object.fromEntries(Object.entries(rows[0] ?? {}).map(([name, value]) => [name, Number(value)]))
    }
    const [counts, holes, times] = [await row(COUNTS), await row(HOLES), await row(TIMES)]
    const kept = new Set((await client.query<{ id: string }>(ATTEMPTS)).rows.map(({ id }) => id))
    const facts = await readFacts(clickhouseUrl ?? "")
    return {
      events: counts["events"] ?? 0,
      deliveries: counts["deliveries"] ?? 0,
      unfinished: counts["unfinished"] ?? 0,
      delivered: counts["delivered"] ?? 0,
      holes: holes["holes"] ?? 0,
      early: times["early"] ?? 0,
      lateP99Ms: Math.round(times["late"] ?? 0),
      apart: missing(kept, facts) + missing(facts, kept),
    }
  } finally {
    await client.end().catch(() => undefined)
  }
}

const missing = (from: ReadonlySet<string>, all: ReadonlySet<string>): number => [...all].filter((id) => !from.has(id)).length

async function readFacts(clickhouseUrl: string): Promise<Set<string>> {
  const { origin, username, password } = new URL(clickhouseUrl)
  const response = await fetch(origin, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` },
    body: FACTS,
    signal: AbortSignal.timeout(20_000),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`ClickHouse answered ${response.status}: ${text.slice(0, 300)}`)
  return new Set(text.split("\n").filter((line) => line !== ""))
}
