import { createClient, type ClickHouseClient } from "@clickhouse/client"
import { eventually } from "@posthorn/testkit"
import { afterAll, beforeAll, describe } from "vitest"
import type { AnalyticsStore } from "../analytics-store.ts"
import type { AnalyticsFixture, AnalyticsUnderTest } from "./analytics-fixture.ts"
import { questionTests } from "./question-tests.ts"
import { question } from "./sample-rows.ts"
import { writingTests } from "./writing-tests.ts"

/** The promises of `AnalyticsStore`, and of the tables and views that people query. */
export function analyticsConformance(name: string, start: () => Promise<AnalyticsUnderTest>): void {
  describe(`analytics on ${name}`, { timeout: 120_000 }, () => {
    let underTest: AnalyticsUnderTest
    let store: AnalyticsStore
    let sql: ClickHouseClient

    beforeAll(async () => {
      underTest = await start()
      store = underTest.create(4000)
      await eventually(() => store.ping(), { timeoutMs: 60_000, what: "the engine" })
      sql = createClient({ url: underTest.url, clickhouse_settings: { output_format_json_quote_64bit_integers: 1 } })
    }, 120_000)

    afterAll(async () => {
      await sql?.close()
      await store?.close()
      await underTest?.stop()
    })

    const under: AnalyticsFixture = {
      get store() {
        return store
      },
      get sql() {
        return sql
      },
      get kill() {
        return underTest.kill
      },
      create: (retentionDays) => underTest.create(retentionDays),
      rows: async (query, parameters = {}) => (await sql.query({ query, query_params: parameters, format: "JSONEachRow" })).json(),
      totals: async (applicationId) => (await store.totals(question(applicationId))).measured,
    }
    writingTests(under)
    questionTests(under)
  })
}
