import { randomUUID } from "node:crypto"
import { createServer } from "node:http"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { createClient } from "@clickhouse/client"
import { describe, expect, it } from "vitest"
import { AnalyticsUnavailable } from "../analytics-store.ts"
import { analyticsConformance } from "../conformance/analytics-conformance.ts"
import { createClickHouseAnalytics } from "./clickhouse-analytics.ts"

const server = process.env["POSTHORN_TEST_CLICKHOUSE_URL"]

if (server === undefined) {
  describe("analytics on a server", () => {
    it("passes the conformance suite", ({ skip }) => skip("POSTHORN_TEST_CLICKHOUSE_URL is not set: the embedded engine alone is tested"))
  })
} else {
  analyticsConformance("a server", async () => {
    const database = `posthorn_test_${randomUUID().replaceAll("-", "")}`
    const url = new URL(server)
    url.pathname = `/${database}`
    return {
      url: url.href,
      create: (retentionDays) => createClickHouseAnalytics({ url: url.href, retentionDays }),
      async stop() {
        const client = createClient({ url: server })
        await client.command({ query: `DROP DATABASE IF EXISTS ${database}` })
        await client.close()
      },
    }
  })
}

describe("ClickHouse analytics without its server", () => {
  it("rejects everything as unavailable, and its password is in no message", async () => {
    const store = createClickHouseAnalytics({ url: "http://posthorn:canary-secret@127.0.0.1:1", retentionDays: 90 })
    for (const refused of [
      store.ping(),
      store.insert({ events: [], attempts: [], token: "t" }),
      store.totals({ scope: "installation", span: { sinceMs: 0, untilMs: 1 } }),
    ]) {
      const error = await refused.then(
        () => undefined,
        (cause: unknown) => cause,
      )
      expect(error).toBeInstanceOf(AnalyticsUnavailable)
      expect(String(error) + String((error as Error).cause)).not.toContain("canary-secret")
    }
    await store.close()
  })

  it("takes an answer that is not ClickHouse's for unavailable", async () => {
    const other = createServer((request, response) => {
      request.resume()
      response.end("<html>hello</html>")
    }).listen(0, "127.0.0.1")
    await once(other, "listening")
    const store = createClickHouseAnalytics({ url: `http://127.0.0.1:${(other.address() as AddressInfo).port}`, retentionDays: 90 })
    await expect(store.ping()).rejects.toBeInstanceOf(AnalyticsUnavailable)
    await store.close()
    other.close()
  })
})
