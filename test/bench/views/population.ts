/** Who the loaded rows are of. */
export interface Population {
  /** Ids of applications; the first has half of everything. */
  readonly applications: readonly string[]
  /** Ids of subscriptions, those of the first application first. */
  readonly subscriptions: readonly string[]
  /** The application of each subscription. */
  readonly owners: readonly string[]
  /** How many subscriptions the first application has. */
  readonly ofFirst: number
}

/** How much there is, and since when. */
export interface Volume {
  readonly deliveries: number
  readonly attempts: number
  /** Unix milliseconds of the newest row. */
  readonly untilMs: number
  /** Over which the status rows are spread. */
  readonly statusHours: number
  /** Over which the facts for analysis are spread. */
  readonly factHours: number
}

export const EVENT_TYPES = [
  "order.created",
  "order.paid",
  "order.cancelled",
  "invoice.sent",
  "user.created",
  "user.deleted",
  "data.synchronised",
  "rare.type",
] as const
/** Of those that failed by their status. */
export const STATUS_CODES = [500, 503, 404, 429] as const
export const ERROR_CLASSES = ["status", "timeout", "dns", "connect", "tls", "refused", "protocol", "internal"] as const
