/** Every topic of the log: what it holds, how it is keyed, how long it is kept. Names are without the installation's prefix (`posthorn.`). */

const DAY_MS = 24 * 60 * 60 * 1000

/** Retry tiers, shortest first. A record waits in one until its due time, or the tier's delay has passed and it goes round again. */
export const RETRY_TIERS = ["retry.5s", "retry.1m", "retry.5m", "retry.15m", "retry.1h"] as const
export type RetryTier = (typeof RETRY_TIERS)[number]

export const TOPICS = [
  "config",
  "config.snapshots",
  "events",
  "events.bulk",
  "deliveries",
  "deliveries.bulk",
  ...RETRY_TIERS,
  "attempts",
  "dead-letters",
  "parked",
  "control",
  "audit",
] as const
export type Topic = (typeof TOPICS)[number]

/** Where accepted events are, live ones first. */
export const EVENT_TOPICS = ["events", "events.bulk"] as const satisfies readonly Topic[]
export type EventTopic = (typeof EVENT_TOPICS)[number]

export interface TopicFacts {
  /** `one` gives a total order; `many` is the installation's partition count, the same for every topic, so that one key has one partition number everywhere. */
  readonly partitions: "one" | "many"
  /** Milliseconds; `undefined` = for ever. */
  readonly retentionMs: number | undefined
  /** Message of `posthorn.log.v1` that every value is. */
  readonly record:
    | "ConfigChanged"
    | "ConfigSnapshotRecord"
    | "EventAccepted"
    | "DeliveryDue"
    | "AttemptRecord"
    | "DeadLetterRecord"
    | "ParkedRecord"
    | "ControlRecord"
    | "AuditRecord"
}

const due: TopicFacts = { partitions: "many", retentionMs: 7 * DAY_MS, record: "DeliveryDue" }

export const TOPIC_FACTS: Readonly<Record<Topic, TopicFacts>> = {
  config: { partitions: "one", retentionMs: undefined, record: "ConfigChanged" },
  "config.snapshots": { partitions: "one", retentionMs: 30 * DAY_MS, record: "ConfigSnapshotRecord" },
  events: { partitions: "many", retentionMs: 7 * DAY_MS, record: "EventAccepted" },
  "events.bulk": { partitions: "many", retentionMs: 7 * DAY_MS, record: "EventAccepted" },
  deliveries: due,
  "deliveries.bulk": due,
  "retry.5s": due,
  "retry.1m": due,
  "retry.5m": due,
  "retry.15m": due,
  "retry.1h": due,
  attempts: { partitions: "many", retentionMs: 7 * DAY_MS, record: "AttemptRecord" },
  "dead-letters": { partitions: "many", retentionMs: 30 * DAY_MS, record: "DeadLetterRecord" },
  parked: { partitions: "many", retentionMs: 30 * DAY_MS, record: "ParkedRecord" },
  // A day longer than the furthest due time that a try which is cancelled here can have.
  control: { partitions: "many", retentionMs: 31 * DAY_MS, record: "ControlRecord" },
  audit: { partitions: "many", retentionMs: 30 * DAY_MS, record: "AuditRecord" },
}
