import { createClient, ClickHouseLogLevel, type ClickHouseClient } from "@clickhouse/client"
import { limits } from "@posthorn/core"

/** The database that a URL names by its path; `posthorn` unless it names one. */
export const databaseOf = (url: string): string => decodeURIComponent(new URL(url).pathname.slice(1)) || "posthorn"

/** @param timeoutMs time for one statement */
export function connect(url: string, database: string, timeoutMs: number = limits.ANALYTICS_TIMEOUT_MS): ClickHouseClient {
  const target = new URL(url)
  target.pathname = ""
  return createClient({
    url: target,
    database,
    application: "posthorn",
    request_timeout: timeoutMs,
    max_open_connections: 8,
    // Failures are answered to the caller, who logs them; the client's own lines would repeat them in another form.
    log: { level: ClickHouseLogLevel.OFF },
    clickhouse_settings: {
      max_execution_time: timeoutMs / 1000,
      // 64-bit integers as JSON numbers lose digits on the way.
      output_format_json_quote_64bit_integers: 1,
    },
  })
}
