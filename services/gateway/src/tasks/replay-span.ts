import { assert, EVENT_TOPICS, limits, matchesPattern, type EventTopic } from "@posthorn/core"
import { timestampMs } from "@bufbuild/protobuf/wkt"
import { decode } from "@posthorn/log"
import {
  EventAcceptedSchema,
  ReplayCursorSchema,
  type EventAccepted,
  type ReplayCursor,
  type ReplayFilter,
  type Task,
} from "@posthorn/proto"
import { create } from "@bufbuild/protobuf"
import type { TaskContext } from "./task-context.ts"
import { pause } from "./waiting.ts"

/** What a replay is about, as it was when its task was made. */
export interface ReplaySpan {
  readonly applicationId: string
  readonly types: readonly string[]
  readonly sinceMs: number
  readonly untilMs: number
}

/** An event where the log has it. */
export interface PlacedEvent {
  readonly event: EventAccepted
  readonly topic: EventTopic
  readonly partition: number
  readonly offset: number
}

/** What a stretch of the log holds of a span. */
export interface Stretch {
  readonly cursor: ReplayCursor
  /** The offset to go on from. */
  readonly next: bigint
  readonly events: readonly PlacedEvent[]
}

export function spanOf(filter: ReplayFilter, { createdAt }: Task): ReplaySpan {
  assert(filter.since && createdAt, "a replay has a beginning, and its task a time")
  const untilMs = Math.min(timestampMs(createdAt), filter.until ? timestampMs(filter.until) : Number.POSITIVE_INFINITY)
  return { applicationId: filter.applicationId, types: filter.types, sinceMs: timestampMs(filter.since), untilMs }
}

/**
 * Where the log has a span. What the router has not read yet is no part of it: those events are on their way. What it is about to read is waited
 * for, `REPLAY_ROUTED_MS` at most.
 */
export async function cursorsOf({ log, nowMs }: TaskContext, span: ReplaySpan, signal: AbortSignal): Promise<ReplayCursor[]> {
  const deadlineMs = nowMs() + limits.REPLAY_ROUTED_MS
  const wanted = await log.lag("router", EVENT_TOPICS)
  let routed = wanted
  while (nowMs() < deadlineMs && !signal.aborted && routed.some(({ committed }, at) => committed < (wanted[at]?.high ?? 0))) {
    await pause(limits.TASK_POLL_MS, signal)
    routed = await log.lag("router", EVENT_TOPICS)
  }
  const cursors = await Promise.all(
    routed.map(async ({ topic, partition, committed }) => {
      const next = await log.offsetAt(topic, partition, span.sinceMs - limits.REPLAY_CLOCKS_APART_MS)
      const end = Math.min(committed, await log.offsetAt(topic, partition, span.untilMs + limits.REPLAY_CLOCKS_APART_MS))
      return create(ReplayCursorSchema, { topic, partition, next: BigInt(next), end: BigInt(end) })
    }),
  )
  return cursors.filter(({ next, end }) => next < end)
}

/** Reads on from a cursor. */
export async function readStretch({ log }: TaskContext, cursor: ReplayCursor, span: ReplaySpan): Promise<Stretch> {
  const { partition } = cursor
  const topic = EVENT_TOPICS.find((each) => each === cursor.topic)
  assert(topic, "a cursor is in a topic of events")
  const from = Number(cursor.next)
  const to = Math.min(from + limits.REPLAY_READ_RECORDS, Number(cursor.end))
  const events: PlacedEvent[] = []
  await log.read([{ topic, partition, from, to }], (records) => {
    for (const { offset, value } of records) {
      const event = decode(EventAcceptedSchema, value)
      if (event !== undefined && isWithin(event, span)) events.push({ event, topic, partition, offset })
    }
  })
  return { cursor, next: BigInt(to), events }
}

function isWithin({ eventId, applicationId, acceptedAt, type }: EventAccepted, span: ReplaySpan): boolean {
  if (eventId === "" || applicationId !== span.applicationId || acceptedAt === undefined) return false
  const atMs = timestampMs(acceptedAt)
  if (atMs < span.sinceMs || atMs >= span.untilMs) return false
  return span.types.length === 0 || span.types.some((pattern) => matchesPattern(pattern, type))
}

/** Whether the log has let go of the beginning of a span. */
export async function beginningIsGone({ log }: TaskContext, { sinceMs }: ReplaySpan): Promise<boolean> {
  for (const topic of EVENT_TOPICS)
    for (const { partition, low } of await log.ends(topic))
      if (low > 0 && (await log.offsetAt(topic, partition, sinceMs)) <= low) return true
  return false
}
