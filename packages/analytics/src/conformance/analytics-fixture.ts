import type { ClickHouseClient } from "@clickhouse/client"
import type { AnalyticsStore, Measured } from "../analytics-store.ts"

/** What the suite runs on. */
export interface AnalyticsUnderTest {
  /** Names an empty database of its own. */
  readonly url: string
  create(retentionDays: number): AnalyticsStore
  /** Kills the engine as a crash would; it comes back by itself. Left out where that cannot be done. */
  readonly kill?: () => void
  stop(): Promise<void>
}

/** What each test of it has at hand. */
export interface AnalyticsFixture extends Pick<AnalyticsUnderTest, "create"> {
  readonly kill: AnalyticsUnderTest["kill"] | undefined
  readonly store: AnalyticsStore
  readonly sql: ClickHouseClient
  rows<Row>(query: string, parameters?: Record<string, unknown>): Promise<Row[]>
  /** Of an application, over the last day. */
  totals(applicationId: string): Promise<Measured>
}
