import type { TableComparison } from "@posthorn/store"
import { coverageOfViews, fillNearly, type ShadowWork } from "../rebuild/catch-up.ts"
import { compareAnalytics, type AnalyticsCheck, type AnalyticsComparison } from "./compare-analytics.ts"

export interface Verified {
  /** Whether both views are what the log says. */
  readonly clean: boolean
  readonly tables: readonly TableComparison[]
  readonly analytics: AnalyticsComparison | { readonly behind: number }
}

/** Holds the status views against what the log makes of them, and the attempts of analytics against those of the status views. */
export async function verify(check: AnalyticsCheck & ShadowWork): Promise<Verified> {
  const { shadow, progress, nowMs, retentionHours, differencesMax } = check
  await shadow.open(true)
  try {
    const catchUp = await fillNearly(check)
    const coverage = await coverageOfViews(check)
    progress.say("comparing")
    const tables = await shadow.compare(catchUp, { coverage, nowMs, retentionHours, differencesMax })
    const analytics = await compareAnalytics(check)
    const sameTables = tables.every(({ missing, extra, different }) => missing + extra + different === 0)
    return { clean: sameTables && "attempts" in analytics && analytics.differing === 0, tables, analytics }
  } finally {
    await shadow.drop()
  }
}
