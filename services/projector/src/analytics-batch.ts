import type { AnalyticsBatch } from "@posthorn/analytics"
import { attemptRow, decodeRecord, EVENT_TOPICS, eventRow, type AttemptRow, type EventRow } from "@posthorn/core"
import type { LogRecord } from "@posthorn/log"

/** What analytics is made of: the other topics hold nothing that it counts. */
export const ANALYTICS_TOPICS = [...EVENT_TOPICS, "attempts"] as const

/** What records tell analytics. What cannot be decoded is left out: the status store's projection makes it a dead letter. */
export function analyticsBatch(records: readonly LogRecord[], token: string): AnalyticsBatch {
  const events: EventRow[] = []
  const attempts: AttemptRow[] = []
  for (const { topic, value, offset } of records) {
    const decoded = decodeRecord(topic, value)
    if ("undecodable" in decoded) continue
    const event = decoded.topic === "events" || decoded.topic === "events.bulk" ? eventRow(decoded.message, offset) : undefined
    const attempt = decoded.topic === "attempts" ? attemptRow(decoded.message, offset) : undefined
    if (event) events.push(event)
    if (attempt) attempts.push(attempt)
  }
  return { events, attempts, token }
}
