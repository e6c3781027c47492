import type { TableComparison } from "@posthorn/store"
import { coverageOfViews, fillNearly, type ShadowWork } from "./catch-up.ts"
import { retrying } from "./retrying.ts"

export interface RebuildOptions {
  /** Forgets what an earlier rebuild left undone. */
  readonly restart: boolean
  /** Whether what was live stays, in the schema `posthorn_old`. */
  readonly keepOld: boolean
  /** Swaps although rows of the live view are not explained by the log, and so would be gone. */
  readonly dropUnexplained: boolean
  readonly retentionHours: number
}

export interface Rebuilt {
  /** Whether the new view is the live one now. */
  readonly swapped: boolean
  readonly tables: readonly TableComparison[]
  readonly carriedOver: ReadonlyMap<string, number>
  readonly notes: readonly string[]
}

/** Makes the status views anew from the log, and puts them in the place of the live ones. What it leaves undone, the next one goes on with. */
export async function rebuildPostgres(work: ShadowWork, options: RebuildOptions): Promise<Rebuilt> {
  const { shadow, progress } = work
  await shadow.open(options.restart)
  const catchUp = await fillNearly(work)
  const coverage = await coverageOfViews(work)
  const carriedOver = await shadow.carryOver(coverage)
  progress.say("making indexes")
  await shadow.finish()
  progress.say("comparing with the live view")
  const { nowMs } = work
  const tables = await shadow.compare(catchUp, { coverage, nowMs, retentionHours: options.retentionHours, differencesMax: DIFFERENCES_MAX })
  if (tables.some(({ derived, extra }) => extra > 0 && !derived) && !options.dropUnexplained)
    return { swapped: false, tables, carriedOver, notes: [] }
  // Somebody may hold what is put in place for longer than a lock is waited for.
  const { notes } = await retrying(async () => shadow.swap(await fillNearly(work)), work)
  return { swapped: true, tables, carriedOver, notes: [...notes, ...(options.keepOld ? [] : await dropOld(work))] }
}

/** Of each table; enough to see what it is about. */
const DIFFERENCES_MAX = 10

async function dropOld({ shadow }: ShadowWork): Promise<readonly string[]> {
  try {
    await shadow.dropOld()
    return []
  } catch (error) {
    return [`what was live stays in the schema posthorn_old: ${error instanceof Error ? error.message : String(error)}`]
  }
}
