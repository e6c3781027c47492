import { assert, limits } from "@posthorn/core"
import pg from "pg"
import { StoreUnavailable } from "../status-store.ts"
import { inSchema, LIVE_SCHEMA } from "./in-schema.ts"
import { migrate } from "./migrate.ts"

/** One statement: with a name it is prepared once a connection. */
export interface Statement {
  readonly name?: string
  readonly text: string
  readonly values: readonly unknown[]
}

/** Runs statements on one connection. */
export interface Session {
  run<Row extends pg.QueryResultRow>(statement: Statement): Promise<readonly Row[]>
  /** How many rows it touched. */
  count(statement: Statement): Promise<number>
}

export interface DatabaseOptions {
  readonly url: string
  readonly connections: number
  /** Where the tables are that statements call `posthorn.…`; default `posthorn`. Lower-case letters and underscores. */
  readonly schema?: string
  /** Time for one statement; default `STORE_STATEMENT_TIMEOUT_MS`. */
  readonly statementMs?: number
}

/** A pool of connections to a database whose schema is up to date: the first call that reaches it brings it there. */
export class Database implements Session {
  readonly schema: string
  readonly #pool: pg.Pool
  #migrated: Promise<void> | undefined

  constructor({ url, connections, schema = LIVE_SCHEMA, statementMs = limits.STORE_STATEMENT_TIMEOUT_MS }: DatabaseOptions) {
    assert(/^[a-z_]+$/.test(schema), "a schema that needs no quotes")
    this.schema = schema
    this.#pool = new pg.Pool({
      connectionString: url,
      max: connections,
      connectionTimeoutMillis: limits.STORE_CONNECT_TIMEOUT_MS,
      statement_timeout: statementMs,
      lock_timeout: limits.STORE_LOCK_TIMEOUT_MS,
      // The server gives up first; this is for a network that has gone silent.
      query_timeout: statementMs + 5000,
      keepAlive: true,
      application_name: "posthorn-store",
      types: { getTypeParser },
    })
    // A connection that breaks while nobody uses it is replaced by the next call.
    this.#pool.on("error", () => undefined)
    // One that breaks between two statements of a transaction tells the next statement; without a listener it would end the process.
    this.#pool.on("connect", (client) => client.on("error", () => undefined))
  }

  run<Row extends pg.QueryResultRow>(statement: Statement): Promise<readonly Row[]> {
    return this.#with((client) => sessionOf(client, this.schema).run<Row>(statement))
  }

  count(statement: Statement): Promise<number> {
    return this.#with((client) => sessionOf(client, this.schema).count(statement))
  }

  /** Commits when `work` resolves, unless to `undefined`: then, and when it rejects, nothing of it stays. */
  transaction<Result>(work: (session: Session) => Promise<Result | undefined>): Promise<Result | undefined> {
    return this.#with(async (client) => {
      await client.query("begin")
      const result = await work(sessionOf(client, this.schema))
      await client.query(result === undefined ? "rollback" : "commit")
      return result
    })
  }

  /** Looks at the schema again when it is next used: it was dropped. */
  forgetSchema(): void {
    this.#migrated = undefined
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #with<Result>(work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
    let client: pg.PoolClient | undefined
    try {
      this.#migrated ??= this.#migrate()
      await this.#migrated
      client = await this.#pool.connect()
      const result = await work(client)
      client.release()
      return result
    } catch (error) {
      // Whatever went wrong, the connection may be in the middle of something.
      client?.release(true)
      throw unavailable(error)
    }
  }

  async #migrate(): Promise<void> {
    let client: pg.PoolClient | undefined
    try {
      client = await this.#pool.connect()
      await migrate(client, this.schema)
      client.release()
    } catch (error) {
      this.#migrated = undefined
      client?.release(true)
      throw error
    }
  }
}

function sessionOf(client: pg.PoolClient, schema: string): Session {
  const query = ({ name, text, values }: Statement) =>
    client.query({ ...(name === undefined ? {} : { name }), text: inSchema(text, schema), values: [...values] })
  return {
    run: async (statement) => (await query(statement)).rows,
    count: async (statement) => (await query(statement)).rowCount ?? 0,
  }
}

/** Counts and offsets stay below 2^53. */
const getTypeParser: typeof pg.types.getTypeParser = (type, format) =>
  type === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(type, format)

/** Of the connection, rolled back for others' sake, lack of resources, operator's intervention, not in the right state, the system. */
const UNAVAILABLE = /^(?:08|40|53|55|57|58)/

/** What is thrown for an error of the driver. */
export const unavailable = (error: unknown): unknown =>
  isUnavailable(error) ? new StoreUnavailable("the status store cannot be reached", error) : error

/** Errors without a code of the database come from the network, the driver's timeouts or the pool; unless they are a mistake of ours. */
function isUnavailable(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return error.code === undefined || UNAVAILABLE.test(error.code)
  return !(error instanceof TypeError || error instanceof RangeError)
}
