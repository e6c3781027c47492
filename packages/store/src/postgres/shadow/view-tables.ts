import type { Topic } from "@posthorn/core"
import type { Coverage } from "../../status-shadow.ts"

/** A table of the status views that is made of the log's records. */
export interface LogTable {
  readonly name: string
  /** What is compared of a table whose rows follow from those of others, and by what; none = its rows, by its primary key. */
  readonly derived?: { readonly rows: string; readonly key: readonly string[] }
  /** Topics besides `config`, which the log keeps for ever. A row may be made of records of all of them. */
  readonly topics: readonly Topic[]
  /** The column that is no later than the first record that makes a row; none = rows are only compared as long as the log has everything. */
  readonly time?: string
  /** Rows that only `config` makes. */
  readonly fromConfig?: string
  /** Kept by day, and so let go by day. */
  readonly byDay?: true
  /** Columns that do not come from the log. */
  readonly apart?: readonly string[]
}

/** Made of `config` alone, which the log keeps for ever. */
const configured = (name: string): LogTable => ({ name, topics: [] })

/** Every table that the log makes. In the order in which rows are carried over. */
export const LOG_TABLES: readonly LogTable[] = [
  configured("applications"),
  configured("subscriptions"),
  configured("event_types"),
  configured("tasks"),
  { ...configured("api_keys"), apart: ["last_used_at"] },
  {
    name: "audit_log",
    topics: ["attempts", "control", "audit"],
    time: "changed_at",
    fromConfig: "config_offset is not null",
  },
  {
    name: "events",
    // Whether anybody takes it is in `attempts`.
    topics: ["events", "events.bulk", "attempts"],
    time: "created_at",
    byDay: true,
  },
  {
    name: "deliveries",
    topics: ["attempts"],
    time: "created_at",
    byDay: true,
  },
  {
    name: "attempts",
    topics: ["attempts"],
    time: "delivery_created_at",
    byDay: true,
  },
  { name: "unmatched_events", topics: ["attempts", "events", "events.bulk"], time: "created_at" },
  {
    name: "delivery_counts",
    derived: {
      rows: `
        select application_id, created_from, state, retention_hours, sum(count) as count
        from posthorn.delivery_counts group by 1, 2, 3, 4 having sum(count) <> 0`,
      key: ["application_id", "created_from", "state", "retention_hours"],
    },
    topics: ["attempts"],
    time: "created_from",
    byDay: true,
  },
  { name: "subscription_health", topics: ["attempts"] },
  {
    name: "dead_letter_settlements",
    topics: ["attempts", "dead-letters"],
    time: "settled_at",
  },
  {
    name: "dead_letters",
    // What became of a letter is in `attempts`.
    topics: ["attempts", "dead-letters"],
    time: "created_at",
  },
]

/** Tables that nothing in the log tells of: they go from the live view to the new one as they are. */
export const MOVED_TABLES: readonly string[] = [
  "idempotency_keys",
  "conservation_check",
  "conservation_hours",
  "conservation",
  "conservation_findings",
]

/** Tables that a view has for itself. */
export const OWN_TABLES: readonly string[] = ["migrations", "projector_offset"]

/** From when on the log has everything that makes a table's rows, Unix milliseconds. */
export const coveredSince = ({ topics }: LogTable, coverage: Coverage): number =>
  Math.max(0, ...topics.map((topic) => coverage[topic] ?? 0))
