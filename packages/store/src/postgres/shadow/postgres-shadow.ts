import { limits } from "@posthorn/core"
import type { StatusShadow } from "../../status-shadow.ts"
import { Database } from "../database.ts"
import { Days } from "../days.ts"
import { createProjection } from "../projection.ts"
import { attemptDays, attemptsOf, shortestRetention } from "./attempt-days.ts"
import { carryOver } from "./carry-over.ts"
import { compareTables } from "./compare-tables.ts"
import { holdStill, readPositions } from "./hold-still.ts"
import { dropIndexes, makeIndexes } from "./indexes.ts"
import { dropOld, OLD_SCHEMA, swap } from "./swap.ts"

/** The schema of the shadow that will take the live view's place. */
const REBUILD = "posthorn_rebuild"

export interface PostgresShadowOptions {
  /** Of the database that has the live view. The role has to be allowed to create schemas there. */
  readonly url: string
  /** Name of the shadow's schema: shadows of different names know nothing of each other. */
  readonly schema: typeof REBUILD | "posthorn_verify"
  /** Connections that project into the shadow at the same time. */
  readonly connections: number
}

/** The status view that is made beside the live one, in a schema of its own. Connects when it is first used. */
export function createPostgresShadow({ url, schema, connections }: PostgresShadowOptions): StatusShadow {
  const live = new Database({ url, connections: 2, statementMs: limits.REBUILD_STATEMENT_MS })
  const own = new Database({ url, connections, schema, statementMs: limits.REBUILD_STATEMENT_MS })
  const days = new Days(own)
  const drop = async (): Promise<void> => {
    await live.run({ text: `drop schema if exists ${schema} cascade`, values: [] })
    days.forget()
    own.forgetSchema()
  }
  return {
    ...createProjection(own, days),
    async open(anew) {
      if (anew) await drop()
      const [old] = await live.run<{ there: boolean }>({ text: `select to_regnamespace('${OLD_SCHEMA}') is not null as there`, values: [] })
      if (old?.there && schema === REBUILD)
        throw new Error(`the schema ${OLD_SCHEMA} is still there from an earlier rebuild: drop it first`)
      // One that was begun may be finished but for the swap.
      if ((await readPositions(own)).length === 0) await dropIndexes(own)
    },
    livePositions: () => readPositions(live),
    ownPositions: () => readPositions(own),
    async compare(catchUp, options) {
      const compared = await live.transaction(async (session) => {
        await session.run({ text: "set transaction isolation level repeatable read, read only", values: [] })
        // What the session sees is fixed by its first look, while nothing moves.
        await live.transaction(async (holder) => {
          await holdStill(holder, catchUp)
          await readPositions(session)
          return true
        })
        return compareTables({ session, shadow: schema, options })
      })
      return compared ?? []
    },
    finish: () => makeIndexes(live, schema),
    async carryOver(coverage) {
      await days.make(await new Days(live).list())
      return carryOver({ database: live, shadow: schema, coverage })
    },
    swap: (catchUp) => swap({ database: live, shadow: schema, catchUp }),
    shortestRetention: () => shortestRetention(live),
    attemptDays: (sinceMs) => attemptDays(live, sinceMs),
    attemptsOf: (day) => attemptsOf(live, day),
    drop,
    dropOld: () => dropOld(live),
    async close() {
      await Promise.all([live.close(), own.close()])
    },
  }
}
