import { assert, limits } from "@posthorn/core"
import { Session } from "chdb"

/** One statement with what goes with it, as ClickHouse's HTTP interface has it. */
export interface EngineRequest {
  readonly text: string
  readonly database: string | undefined
  /** Format of the answer where the statement names none. */
  readonly format: string
  /** Settings and `param_` values, by name. */
  readonly settings: ReadonlyMap<string, string>
}

export interface Engine {
  /** Runs a statement and answers with its bytes. Rejects with the engine's own message (`Code: 60. DB::Exception: …`). */
  run(request: EngineRequest): Promise<Uint8Array>
}

/** Opens the chDB engine on a data directory; one process at a time may have it open. */
export function openChdbEngine(dataDir: string): Engine {
  // Holds the data directory open for as long as the process lives. Every request has a session of its own beside it, so that what it sets
  // ends with it.
  const keeper = new Session(dataDir, { connectionArgs: [`--max_server_memory_usage=${limits.ENGINE_MEMORY_BYTES_MAX}`] })
  return {
    async run(request) {
      assert(keeper.open, "the data directory stays open")
      const session = new Session(dataDir)
      try {
        for (const statement of setupOf(request)) await session.queryAsync(statement)
        // A server takes an insert without rows; the engine alone calls it an error.
        if (/^\s*INSERT\s[^;]*\sFORMAT\s+\w+\s*$/i.test(request.text)) return new Uint8Array()
        const result = await session.queryAsync(request.text, { format: request.format })
        return result.bytes()
      } finally {
        session.close()
      }
    },
  }
}

function setupOf(request: EngineRequest): string[] {
  const statements = [`SET max_threads = 2, max_execution_time = ${limits.ANALYTICS_TIMEOUT_MS / 1000}`]
  if (request.database !== undefined) statements.push(`USE \`${request.database.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``)
  for (const [name, value] of request.settings) {
    // A parameter is text, which the engine parses by the type that the statement names; so does a server.
    const isNumber = !name.startsWith("param_") && /^-?\d+$/.test(value)
    statements.push(`SET ${name} = ${isNumber ? value : literal(value)}`)
  }
  return statements
}

function literal(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`
}
