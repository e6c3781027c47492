import type { AttemptRow, EventRow } from "@posthorn/core"
import type { Question, Span } from "../analytics-store.ts"

export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS
/** The middle of an hour some time ago, so that no test sees an hour or a day end. */
export const NOW = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAY_MS / 2 + HOUR_MS / 2
export const LAST_DAY: Span = { sinceMs: NOW - DAY_MS, untilMs: NOW + 1 }

export const HOSTILE = [
  `'; DROP TABLE events; --`,
  `" OR ""="`,
  "back\\slash \\' \\\\",
  "tab\tnew\nline\r\0null",
  "`backtick` {x:String} $1 %s",
  "𝒽𝓮𝓁𝓁𝑜 ✓ Ω≈ç√ 田中さん 🇩🇪👩‍👧",
  "\u202Ertl\u202C \uFEFFbom \u0001",
  '} FORMAT JSONEachRow {"application_id":"app_victim"}',
]

export function attempt(change: Partial<AttemptRow> = {}): AttemptRow {
  const finishedMs = change.finished_at ?? NOW - HOUR_MS
  return {
    application_id: "app_1",
    subscription_id: "sub_1",
    event_id: "evt_1",
    event_type: "order.created",
    delivery_id: "dlv_1",
    round: 1,
    attempt: 1,
    outcome: "delivered",
    error_class: "",
    status_code: 200,
    delivery_state: "delivered",
    created_at: finishedMs - 100,
    scheduled_at: finishedMs - 90,
    started_at: finishedMs - 40,
    finished_at: finishedMs,
    duration_ms: 40,
    log_offset: 1,
    ...change,
  }
}

export function event(change: Partial<EventRow> = {}): EventRow {
  return {
    application_id: "app_1",
    event_id: "evt_1",
    event_type: "order.created",
    subscription_id: "",
    payload_bytes: 600,
    accepted_at: NOW - HOUR_MS,
    log_offset: 1,
    ...change,
  }
}

/** The promises of `AnalyticsStore`, and of the tables and views that people query. */

export const question = (applicationId: string, more: Partial<Question> = {}): Question => ({
  scope: { applicationId },
  span: LAST_DAY,
  ...more,
})
