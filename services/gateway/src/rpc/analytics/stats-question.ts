import type { Timestamp } from "@bufbuild/protobuf/wkt"
import { timestampMs } from "@bufbuild/protobuf/wkt"
import type { Question, Scope, Span } from "@posthorn/analytics"
import { isRefusal, limits, refuse, type ConfigTable, type Refusal } from "@posthorn/core"
import type { Tenancy } from "@posthorn/store"
import { ownedSubscription, tenancyOf } from "../../access/tenancy.ts"
import type { Caller } from "../../call.ts"

const DAY_MS = 24 * 3600 * 1000
/** Later than this no view tells times apart. */
const TIME_MS_MAX = Date.UTC(2200, 0)

interface Asked {
  readonly applicationId: string
  readonly subscriptionId: string
  readonly type: string
  readonly since?: Timestamp | undefined
  readonly until?: Timestamp | undefined
}

interface Around {
  readonly table: ConfigTable
  readonly caller: Caller
  readonly nowMs: number
}

/** What is asked of analytics, within what the caller may see. A subscription that is not there, or not the caller's, is not an empty answer. */
export function questionOf(asked: Asked, { table, caller, nowMs }: Around): Question | Refusal {
  const subscription = asked.subscriptionId === "" ? undefined : ownedSubscription(table, caller, asked.subscriptionId)
  if (isRefusal(subscription)) return subscription
  const tenancy = tenancyOf(table, caller, asked.applicationId)
  if (isRefusal(tenancy)) return tenancy
  const span = spanOf(asked, nowMs)
  if (isRefusal(span)) return span
  return {
    scope: scopeOf(tenancy),
    span,
    ...(subscription === undefined ? {} : { subscriptionId: asked.subscriptionId }),
    ...(asked.type === "" ? {} : { eventType: asked.type }),
  }
}

export const scopeOf = (tenancy: Tenancy): Scope => (tenancy === "every application" ? "installation" : tenancy)

/** The last 24 hours, unless the request says otherwise. */
export function spanOf({ since, until }: Pick<Asked, "since" | "until">, nowMs: number): Span | Refusal {
  const untilMs = until === undefined ? nowMs : timestampMs(until)
  const sinceMs = since === undefined ? untilMs - DAY_MS : timestampMs(since)
  const reason = reasonAgainst({ sinceMs, untilMs })
  if (reason === undefined) return { sinceMs, untilMs }
  return refuse("invalid_argument", "The span cannot be answered.", { details: [{ field: "since", reason }] })
}

function reasonAgainst({ sinceMs, untilMs }: Span): string | undefined {
  if (sinceMs >= untilMs) return "must be before until"
  if (sinceMs < 0 || untilMs > TIME_MS_MAX) return "must lie, with until, between 1970 and 2200"
  const days = limits.ANALYTICS_SPAN_MS_MAX / DAY_MS
  return untilMs - sinceMs > limits.ANALYTICS_SPAN_MS_MAX ? `must be at most ${days} days before until` : undefined
}
