import { createHash } from "node:crypto"
import type { ClickHouseClient } from "@clickhouse/client"
import { assert, limits, type AttemptRow, type EventRow } from "@posthorn/core"
import {
  AnalyticsUnavailable,
  type AnalyticsBatch,
  type AnalyticsReader,
  type AnalyticsStore,
  type Metric,
  type Question,
  type TimePoint,
  type TopRow,
  type Totals,
} from "../analytics-store.ts"
import { connect, databaseOf } from "./connect.ts"
import { createDatabase, migrate } from "./migrate.ts"
import { readTimeseries, readTop, readTotals } from "./queries.ts"

export interface ClickHouseAnalyticsOptions {
  /** `http[s]://user:password@host:port`; a path names another database than `posthorn`. */
  readonly url: string
  /** Days after which rows may go, whole days at a time; changes tables that are there already. */
  readonly retentionDays: number
}

/**
 * Analytics on ClickHouse. Connects to nothing until it is used; the first use makes the schema. While ClickHouse is away everything rejects
 * with `AnalyticsUnavailable`, within `ANALYTICS_TIMEOUT_MS` for each statement, and works again by itself when it is back.
 */
export function createClickHouseAnalytics(options: ClickHouseAnalyticsOptions): AnalyticsStore {
  assert(Number.isSafeInteger(options.retentionDays) && options.retentionDays > 0, "retentionDays is a positive whole number")
  return new ClickHouseAnalytics(options)
}

class ClickHouseAnalytics implements AnalyticsStore {
  readonly #options: ClickHouseAnalyticsOptions
  readonly #database: string
  readonly #client: ClickHouseClient
  #schema: Promise<void> | undefined

  constructor(options: ClickHouseAnalyticsOptions) {
    this.#options = options
    this.#database = databaseOf(options.url)
    this.#client = connect(options.url, this.#database)
  }

  insert(batch: AnalyticsBatch): Promise<void> {
    assert(batch.events.length <= limits.ANALYTICS_ROWS_MAX && batch.attempts.length <= limits.ANALYTICS_ROWS_MAX, "a batch is bounded")
    return this.#run("insert", async (client) => {
      await insertRows(client, { table: "events", rows: batch.events, token: `${batch.token}/${batch.events[0]?.event_id}` })
      await insertRows(client, {
        table: "delivery_attempts",
        rows: batch.attempts,
        token: `${batch.token}/${batch.attempts[0]?.delivery_id}`,
      })
    })
  }

  totals(question: Question): Promise<Totals> {
    return this.#run("totals", (client) => readTotals(client, question))
  }

  timeseries<Name extends Metric>(
    question: Question,
    wanted: { readonly stepMs: number; readonly metrics: readonly Name[] },
  ): Promise<readonly TimePoint<Name>[]> {
    return this.#run("timeseries", (client) => readTimeseries(client, question, wanted))
  }

  top(question: Question, wanted: Parameters<AnalyticsReader["top"]>[1]): Promise<readonly TopRow[]> {
    return this.#run("top", (client) => readTop(client, question, wanted))
  }

  ping(): Promise<void> {
    return this.#run("ping", async (client) => {
      await client.command({ query: "SELECT 1" })
    })
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  async #run<T>(what: string, work: (client: ClickHouseClient) => Promise<T>): Promise<T> {
    try {
      await (this.#schema ??= this.#migrate())
      return await work(this.#client)
    } catch (cause) {
      // What failed may be a server that came back empty: look at the schema again.
      this.#schema = undefined
      throw new AnalyticsUnavailable(`${what} failed: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
    }
  }

  async #migrate(): Promise<void> {
    const client = connect(this.#options.url, "default")
    try {
      await createDatabase(client, this.#database)
    } finally {
      await client.close()
    }
    await migrate(this.#client, { database: this.#database, retentionDays: this.#options.retentionDays })
  }
}

interface Insertion {
  readonly table: string
  readonly rows: readonly (EventRow | AttemptRow)[]
  readonly token: string
}

/**
 * The token makes a repeated insert free; what it misses (other ranges, a forgotten token) the replacing table takes out. It holds an id of the
 * rows beside the caller's token: positions are used anew by a log that starts anew, and its rows must not pass for those of the old one.
 */
async function insertRows(client: ClickHouseClient, { table, rows, token }: Insertion): Promise<void> {
  if (rows.length === 0) return
  await client.insert({
    table,
    values: rows,
    format: "JSONEachRow",
    clickhouse_settings: {
      // A digest, because it travels in the URL: a batch over a thousand partitions has a long name.
      insert_deduplication_token: createHash("sha256").update(token).digest("hex"),
      // The tables behind the first one know a repeated batch by themselves, whichever of them has it already.
      deduplicate_blocks_in_dependent_materialized_views: 1,
      // Answered when the rows are stored, not when they are queued.
      async_insert: 0,
      // A batch may hold rows of any days; the table's own default refuses more than 100.
      max_partitions_per_insert_block: "0",
    },
  })
}
