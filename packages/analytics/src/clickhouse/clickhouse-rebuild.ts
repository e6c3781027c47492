import type { ClickHouseClient } from "@clickhouse/client"
import { limits } from "@posthorn/core"
import type { AnalyticsPosition, AnalyticsRebuild, AttemptDay } from "../analytics-rebuild.ts"
import { AnalyticsUnavailable } from "../analytics-store.ts"
import { createClickHouseAnalytics, type ClickHouseAnalyticsOptions } from "./clickhouse-analytics.ts"
import { connect, databaseOf } from "./connect.ts"
import { swapDays } from "./swap-days.ts"

/** Remembers how far the second database is. */
const POSITIONS = `
  CREATE TABLE IF NOT EXISTS rebuild_positions (topic String, partition UInt32, next UInt64)
  ENGINE = ReplacingMergeTree(next) ORDER BY (topic, partition)`

/** Makes the tables of the database that the URL names anew, in one beside it whose name ends in `_rebuild`. Connects when it is first used. */
export function createClickHouseRebuild({ url, retentionDays }: ClickHouseAnalyticsOptions): AnalyticsRebuild {
  const [liveName, secondName] = [databaseOf(url), `${databaseOf(url)}_rebuild`]
  const secondUrl = new URL(url)
  secondUrl.pathname = secondName
  const live = createClickHouseAnalytics({ url, retentionDays })
  const second = createClickHouseAnalytics({ url: secondUrl.href, retentionDays })
  const client = connect(url, "default", limits.REBUILD_STATEMENT_MS)
  const inSecond = connect(url, secondName, limits.REBUILD_STATEMENT_MS)
  const drop = (): Promise<void> => command(client, `DROP DATABASE IF EXISTS \`${secondName}\``)
  return {
    live,
    drop,
    async open(anew) {
      if (anew) await drop()
      await live.ping()
      await second.ping()
      await command(inSecond, POSITIONS)
    },
    positions: () => ask<AnalyticsPosition>(inSecond, "SELECT topic, partition, toFloat64(next) AS next FROM rebuild_positions FINAL"),
    made: second,
    async reached(position) {
      await orUnavailable(inSecond.insert({ table: "rebuild_positions", values: [position], format: "JSONEachRow" }))
    },
    swap: (coveredSinceMs) => orUnavailable(swapDays({ client, liveName, secondName, coveredSinceMs })),
    attemptDays: (sinceMs) => ask<AttemptDay>(client, attemptDays(liveName), { since: sinceMs }),
    async attemptsOf({ applicationId, day }) {
      const rows = await ask<{ name: string }>(client, attemptsOf(liveName), { applicationId, day })
      return rows.map(({ name }) => name)
    },
    async close() {
      await Promise.all([live.close(), second.close(), client.close(), inSecond.close()])
    },
  }
}

async function orUnavailable<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (cause) {
    throw new AnalyticsUnavailable(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

const command = async (client: ClickHouseClient, query: string): Promise<void> => void (await orUnavailable(client.command({ query })))

const ask = <Row>(client: ClickHouseClient, query: string, parameters: Record<string, unknown> = {}): Promise<Row[]> =>
  orUnavailable(client.query({ query, query_params: parameters, format: "JSONEachRow" }).then((found) => found.json<Row>()))

/** The status store sums the same up in the same way. */
const attemptDays = (database: string): string => `
  SELECT
    application_id AS applicationId,
    toString(toYYYYMMDD(created_at)) AS day,
    toFloat64(count()) AS attempts,
    toFloat64(sum(reinterpretAsUInt32(reverse(substring(MD5(concat(delivery_id, '/', toString(attempt))), 1, 4))))) AS digest
  FROM \`${database}\`.delivery_attempts FINAL
  WHERE created_at >= fromUnixTimestamp64Milli({since:Int64})
  GROUP BY applicationId, day`

const attemptsOf = (database: string): string => `
  SELECT concat(delivery_id, '/', toString(attempt)) AS name
  FROM \`${database}\`.delivery_attempts FINAL
  WHERE application_id = {applicationId:String} AND toString(toYYYYMMDD(created_at)) = {day:String}`
