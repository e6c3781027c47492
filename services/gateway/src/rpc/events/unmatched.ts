import { create, type JsonObject } from "@bufbuild/protobuf"
import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt"
import { filterFailure, filterSubjectOf, limits, matchesPattern, type ConfigTable, type FilterSubject } from "@posthorn/core"
import { UnmatchedSubscriptionSchema, type Delivery, type Event, type Subscription, type UnmatchedSubscription } from "@posthorn/proto"
import type { HistoryQuery, StoryReader, SubscriptionHistory, SubscriptionSettings } from "@posthorn/store"
import { failedClauseOf } from "../subscriptions/failed-clause.ts"

/** An event as the view has it. */
export interface SeenEvent {
  readonly event: Event
  readonly deliveries: readonly Delivery[]
  /** Asked for once, and only if there is a filter that looks at it; `undefined` = it is gone. */
  readonly payload: () => Promise<Uint8Array | undefined>
  readonly historyOf: StoryReader["historyOf"]
}

export interface Unmatched {
  readonly unmatched: UnmatchedSubscription[]
  /** There are subscriptions that were not looked at. */
  readonly more: boolean
}

/** What a subscription was, and became until now: the first that does not take the event is why it got none. */
interface Judged {
  readonly subscriptionId: string
  readonly states: readonly State[]
  /** Whether they begin with what it was when the event was routed. */
  readonly fromThen: boolean
  readonly deletedAt?: Timestamp | undefined
}

type State = SubscriptionSettings | "not there" | "not known"

/**
 * Why the application's other subscriptions were not sent an event, as they were when it was routed: those that are there now, newest first, at most
 * `UNMATCHED_MAX` of them, then those that have been deleted since. The router may have read further than whoever took the event in, so that a
 * subscription that took it then is judged by what was made of it next. One that takes it to this day is left out: it is still on its way.
 */
export async function unmatchedOf(table: ConfigTable, seen: SeenEvent): Promise<Unmatched> {
  const { event, deliveries } = seen
  const sentTo = new Set(deliveries.map((delivery) => delivery.subscriptionId))
  const newest = table.subscriptionsOf(event.applicationId).newest(limits.UNMATCHED_MAX + sentTo.size + 1)
  const others = newest.filter((id) => !sentTo.has(id))
  const looked = others.slice(0, limits.UNMATCHED_MAX).flatMap((id) => table.subscription(id)?.subscription ?? [])
  const found = await seen.historyOf(questionOf(event, looked))
  const histories = new Map(found?.histories.map((history) => [history.subscriptionId, history]))
  const standing = looked.map((subscription) => judgedOf(subscription, event, histories.get(subscription.id)))
  const gone = [...histories.values()].filter(({ subscriptionId, deletedAt }) => deletedAt !== undefined && !sentTo.has(subscriptionId))
  const judge = judgeOf(seen)
  const unmatched: UnmatchedSubscription[] = []
  for (const judged of [...standing, ...gone.flatMap(judgedGone)]) {
    const reason = await judge(judged)
    if (reason === undefined) continue
    const { subscriptionId, states, fromThen, deletedAt } = judged
    const url = states.findLast((state) => typeof state === "object")?.url
    const settings = fromThen ? "then" : "now"
    const lost = deletedAt === undefined ? {} : { deletedAt, url: url ?? "" }
    unmatched.push(create(UnmatchedSubscriptionSchema, { subscriptionId, settings, ...reason, ...lost }))
  }
  return { unmatched, more: others.length > limits.UNMATCHED_MAX || found?.more === true }
}

/** Clocks tell only which subscriptions may have been changed after the event: what came before what is a matter of `config`. */
function questionOf(event: Event, subscriptions: readonly Subscription[]): HistoryQuery {
  const sinceMs = (event.createdAt ? timestampMs(event.createdAt) : 0) - limits.CLOCKS_APART_MS
  const changedSince = subscriptions.filter(({ updatedAt }) => updatedAt !== undefined && timestampMs(updatedAt) >= sinceMs)
  return { applicationId: event.applicationId, eventId: event.id, changedSince: changedSince.map(({ id }) => id) }
}

function judgedOf(subscription: Subscription, event: Event, history: SubscriptionHistory | undefined): Judged {
  const { id: subscriptionId, enabled = true, eventTypes, filter, url, createdAt, updatedAt } = subscription
  const now: SubscriptionSettings = { enabled, eventTypes, filter, url }
  if (history !== undefined && history.was !== "not known")
    return { subscriptionId, states: [history.was, ...history.became, now], fromThen: true }
  const isAfter = (time: Timestamp | undefined) =>
    time !== undefined && event.createdAt !== undefined && timestampMs(time) > timestampMs(event.createdAt)
  return { subscriptionId, states: isAfter(createdAt) ? ["not there", now] : [now], fromThen: !isAfter(updatedAt) || isAfter(createdAt) }
}

/** One that came and went after the event has nothing to do with it, and of one that is not known nothing can be said. */
function judgedGone({ subscriptionId, was, became, deletedAt }: SubscriptionHistory): Judged[] {
  return typeof was === "string" ? [] : [{ subscriptionId, states: [was, ...became, "not there"], fromThen: true, deletedAt }]
}

type Reason = Pick<UnmatchedSubscription, "reason" | "failedClause">

function judgeOf({ event, payload }: SeenEvent): (judged: Judged) => Promise<Reason | undefined> {
  let subject: FilterSubject | undefined
  return async ({ subscriptionId, states }) => {
    for (const [index, state] of states.entries()) {
      if (state === "not known") continue
      if (state === "not there") return { reason: index === 0 ? "created_later" : "deleted" }
      const reason = reasonOf(subscriptionId, state, event)
      if (reason !== undefined) return reason
      if (state.filter === undefined) continue
      subject ??= filterSubjectOf({ ...event, payload: (await payload()) ?? new Uint8Array() })
      const failed = filterReason(state.filter, subject)
      if (failed !== undefined) return failed
    }
    return undefined
  }
}

function reasonOf(subscriptionId: string, { enabled, eventTypes }: SubscriptionSettings, event: Event): Reason | undefined {
  if (!enabled) return { reason: "disabled" }
  // What came in by ingest is for one subscription, whatever the event types.
  if (event.onlySubscriptionId !== "") return event.onlySubscriptionId === subscriptionId ? undefined : { reason: "other_ingest" }
  const takes = (pattern: string): boolean => (event.operational ? pattern === event.type : matchesPattern(pattern, event.type))
  return eventTypes.some(takes) ? undefined : { reason: "event_type" }
}

function filterReason(filter: JsonObject, subject: FilterSubject): Reason | undefined {
  const failure = filterFailure(filter, subject)
  return failure && { reason: "filter", failedClause: failedClauseOf(failure) }
}
