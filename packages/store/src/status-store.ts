import type { JsonObject } from "@bufbuild/protobuf"
import type { DeadLetterStanding, EventTopic, KnownEntity, Refusal, StatusRows } from "@posthorn/core"
import type { Timestamp } from "@bufbuild/protobuf/wkt"
import type { ConservationBooks, ConservationReader } from "./conservation.ts"
import type { Tenancy } from "./tenancy.ts"
import type {
  Attempt,
  CountDeliveriesRequest,
  CountDeliveriesResponse,
  DeadLetterFilter,
  Delivery,
  DeliveryCounts,
  DeliveryFacts,
  Event,
  EventAccepted,
  GetEventPayloadResponse,
  ListAuditLogRequest,
  ListAuditLogResponse,
  ListDeadLettersRequest,
  ListDeadLettersResponse,
  ListDeliveriesRequest,
  ListDeliveriesResponse,
  ListEventsRequest,
  ListEventsResponse,
  SubscriptionCounts,
  SubscriptionHealth,
} from "@posthorn/proto"

export type { Tenancy } from "./tenancy.ts"

/** A partition of a topic of the log. */
export interface PartitionName {
  readonly topic: string
  readonly partition: number
}

/** A stretch of a partition: every record from `first` up to, not including, `next`. */
export interface ProjectedRange extends PartitionName {
  readonly first: number
  readonly next: number
}

/** Takes the fold of the log in. */
export interface StatusProjection {
  /**
   * The next offset to project of each partition, in the order asked for. A partition that was never projected gets `low` as its position, for good.
   */
  positions(partitions: readonly (PartitionName & { readonly low: number })[]): Promise<readonly number[]>
  /** Those of these entities that there are, as of the projected position of `config`. */
  knownEntities(ids: readonly string[]): Promise<readonly KnownEntity[]>
  /**
   * Writes the rows and moves every range's partition from `first` to `next`, all or nothing. `stale` = some partition is not at `first`: an old or
   * repeated batch, a gap, or another projector came first; nothing was written. Rejecting with a lost connection leaves open which of the two it was;
   * doing it again is then answered `stale` when it had been done. At most one range a partition.
   */
  project(batch: { readonly ranges: readonly ProjectedRange[]; readonly rows: StatusRows }): Promise<"done" | "stale">
}

/**
 * Answers what was published and what became of it. Lags behind the log by what is not yet projected. What belongs to another application reads as
 * not there. Lists are newest first, stable while rows come in, and answer a refusal for a page token that is none.
 */
export interface StatusReader {
  listEvents(tenancy: Tenancy, request: ListEventsRequest): Promise<ListEventsResponse | Refusal>
  /** Without `deliveries` and `unmatched`. */
  getEvent(tenancy: Tenancy, eventId: string): Promise<Event | undefined>
  getPayload(tenancy: Tenancy, eventId: string): Promise<GetEventPayloadResponse | undefined>
  /** Oldest first, without attempts; at most `EVENT_DELIVERIES_MAX`. */
  deliveriesOfEvent(tenancy: Tenancy, eventId: string): Promise<readonly Delivery[]>
  listDeliveries(tenancy: Tenancy, request: ListDeliveriesRequest): Promise<ListDeliveriesResponse | Refusal>
  /** With its attempts, oldest first. */
  getDelivery(tenancy: Tenancy, deliveryId: string): Promise<Delivery | undefined>
  /** Deliveries by state, each counted up to `STATE_COUNT_MAX`. */
  countStates(tenancy: Tenancy, request: CountDeliveriesRequest): Promise<CountDeliveriesResponse>
  /** Deliveries that were made in a span, by the state in which they are now. Costs what there is in the span. */
  countDeliveries(tenancy: Tenancy, query: DeliveryCountQuery): Promise<DeliveryCounts>
  countSubscriptions(tenancy: Tenancy): Promise<SubscriptionCounts>
  listDeadLetters(tenancy: Tenancy, request: ListDeadLettersRequest): Promise<ListDeadLettersResponse | Refusal>
  /** How the endpoints of these subscriptions do; those that nothing is known of are left out. */
  healthOf(subscriptionIds: readonly string[]): Promise<ReadonlyMap<string, SubscriptionHealth>>
  /** What another try of a delivery is made of; `undefined` also while its event is not in the view. */
  getRedelivery(tenancy: Tenancy, deliveryId: string): Promise<Redelivery | undefined>
}

/** What else is known of the round that a delivery is in. */
export interface DeliveryFate {
  /** Of this round. */
  readonly deadLetter: DeadLetterStanding | undefined
  /** When somebody last asked for something of this round to be made at once, or for the round itself. */
  readonly retriedAt: Timestamp | undefined
}

/** What of a subscription decides which events it gets. */
export interface SubscriptionSettings {
  readonly enabled: boolean
  readonly eventTypes: readonly string[]
  readonly filter: JsonObject | undefined
  readonly url: string
}

export interface HistoryQuery {
  readonly applicationId: string
  readonly eventId: string
  /** Subscriptions that are there and may have been changed since; the first `HISTORY_SUBSCRIPTIONS_MAX` are looked at, and then those that are gone. */
  readonly changedSince: readonly string[]
}

/** What a subscription was when an event was routed, and became. */
export interface SubscriptionHistory {
  readonly subscriptionId: string
  readonly was: SubscriptionSettings | "not there" | "not known"
  /** After each of its next changes, at most `HISTORY_CHANGES_MAX`. */
  readonly became: readonly (SubscriptionSettings | "not there" | "not known")[]
  /** `undefined` = it is still there. */
  readonly deletedAt: Timestamp | undefined
}

/** What the story of an event is told from, besides the event and its deliveries. Those have been read within a tenancy. */
export interface StoryReader {
  /** The last `STORY_ATTEMPTS_MAX` of each, oldest first, with the beginning of what was answered. Deliveries without any are left out. */
  lastAttemptsOf(deliveries: readonly Delivery[]): Promise<ReadonlyMap<string, readonly Attempt[]>>
  /** By delivery. */
  fatesOf(deliveries: readonly Delivery[]): Promise<ReadonlyMap<string, DeliveryFate>>
  /**
   * What subscriptions were when an event was routed: those asked for, and those of its application that have been deleted since. `more` = not all of
   * them were looked at. `undefined` = it is not known where in the order of changes the event was routed, or the view has not got there yet.
   */
  historyOf(query: HistoryQuery): Promise<{ readonly histories: readonly SubscriptionHistory[]; readonly more: boolean } | undefined>
}

/** What was done and what was refused. */
export interface AuditReader {
  /** As the lists of `StatusReader`. */
  listAuditLog(tenancy: Tenancy, request: ListAuditLogRequest): Promise<ListAuditLogResponse | Refusal>
}

/** A key that somebody has called with. */
export interface KeyUse {
  readonly keyId: string
  readonly usedAt: Timestamp
}

/**
 * When keys were last used. It comes from the gateways, not from the log: a view that is made anew knows nothing of earlier uses.
 */
export interface KeyUses {
  /** Later ones count; those of keys that the view does not show are passed over. At most `KEY_USES_MAX` at once. */
  noteUses(uses: readonly KeyUse[]): Promise<void>
  /** By key; those that are not known to have been used are left out. */
  lastUses(keyIds: readonly string[]): Promise<ReadonlyMap<string, Timestamp>>
}

export interface DeliveryCountQuery {
  /** Unix milliseconds, included. */
  readonly sinceMs: number
  /** Unix milliseconds, not included. */
  readonly untilMs: number
  /** To one subscription alone; absent = to any. */
  readonly subscriptionId?: string
}

/** Where the log has an event. */
export interface EventPlace {
  readonly topic: EventTopic
  readonly partition: number
  readonly offset: number
}

export interface AcceptedEvent {
  /** As the view keeps it. */
  readonly event: EventAccepted
  /** Where the log had the event; `undefined` = not known. */
  readonly place: EventPlace | undefined
}

export interface Redelivery extends AcceptedEvent {
  /** Without attempts. */
  readonly delivery: Delivery
  /** The first attempt of the delivery's round; `undefined` = none has ended. */
  readonly roundFirst: { readonly number: number; readonly startedAt: Timestamp | undefined } | undefined
}

/** A dead letter that nobody has done anything about. */
export interface OpenDeadLetter {
  /** Without the time at which the delivery was made. */
  readonly delivery: DeliveryFacts
  readonly round: number
  /** Where the topic `dead-letters` has it. */
  readonly partition: number
  readonly offset: number
  readonly place: DeadLetterPlace
}

/** Where a dead letter is among others, by age. */
export interface DeadLetterPlace {
  readonly diedAtMs: number
  readonly identity: string
}

/** Dead letters for those who work through them. Records that nobody could read are never among them. */
export interface DeadLetterQueue {
  countOpen(filter: DeadLetterFilter): Promise<number>
  /** At most so many that died no later than a time, oldest first, from behind a place on. */
  listOpen(query: {
    readonly filter: DeadLetterFilter
    readonly diedBy: Timestamp
    /** `undefined` = from the first. */
    readonly after: DeadLetterPlace | undefined
    readonly limit: number
  }): Promise<readonly OpenDeadLetter[]>
  /** How many dead letters tasks have redriven or discarded, by id of the task. */
  countDone(taskIds: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** The next offset to project, by partition of a topic, of those that have been projected. */
  projectedTo(topic: string): Promise<ReadonlyMap<number, number>>
}

export interface ReplayCount {
  readonly applicationId: string
  /** Names and patterns; none = every type. */
  readonly types: readonly string[]
  /** Accepted at or after, and before. */
  readonly since: Timestamp
  readonly until: Timestamp
  /** Those alone that a subscription takes by these event types, or that came in for it. */
  readonly subscription?: {
    readonly id: string
    readonly eventTypes: readonly string[]
    /** Those alone that were not delivered to it. */
    readonly undelivered: boolean
  }
}

/** What replays have to know of what was sent before. Times are those of the events, exactly. */
export interface ReplayReader {
  /** An event as it was accepted. */
  getAccepted(tenancy: Tenancy, eventId: string): Promise<AcceptedEvent | undefined>
  /** Those of these events that the view holds, with the place of the first copy; `undefined` = it is not known. */
  placesOf(events: readonly { readonly id: string; readonly createdAt: Timestamp }[]): Promise<ReadonlyMap<string, EventPlace | undefined>>
  /** Those of these deliveries that there are, without attempts. */
  standingsOf(deliveries: readonly { readonly id: string; readonly createdAt: Timestamp }[]): Promise<ReadonlyMap<string, Delivery>>
  /** How many events there are. Costs what there is in the span. */
  countReplay(query: ReplayCount): Promise<number>
}

export interface MutualExclusion {
  /**
   * Does work while nobody else who uses the database holds the name; resolves to `undefined` at once when somebody does. The work's
   * signal is aborted when `signal` is, and when the hold may have been lost: at the latest after `STORE_HOLD_MS` somebody else may have it.
   */
  exclusively<Result>(name: string, work: (signal: AbortSignal) => Promise<Result>, signal: AbortSignal): Promise<Result | undefined>
}

/** An idempotency key with what is sent under it. */
export interface Claim {
  readonly applicationId: string
  readonly key: string
  readonly eventId: string
  /** Of everything that makes two requests the same. */
  readonly bodyHash: Uint8Array
  /** Unix milliseconds: the time at which the event is accepted if the claim is new. */
  readonly claimedAtMs: number
  /** Of the event; default 0. */
  readonly retentionHours?: number
}

export interface EarlierClaim {
  readonly eventId: string
  readonly sameBody: boolean
  /** Whether the event is known to be in the log. */
  readonly accepted: boolean
  /** When it was first claimed: whoever appends the event again gives it this time and the next, so that it is the same event. */
  readonly claimedAtMs: number
  readonly retentionHours: number
}

/** Makes one idempotency key one event. A claim is forgotten `IDEMPOTENCY_WINDOW_MS` after it was made. */
export interface IdempotencyClaims {
  /** Durable when it resolves. Of claims of one key that race, exactly one is `new`. */
  claim(claim: Claim): Promise<"new" | EarlierClaim>
  /** Remembers that the event of a claim is in the log. */
  accepted(applicationId: string, key: string): Promise<void>
  /** Lets go of a claim that came to nothing: the next one of its key is `new`. Without effect on one that is accepted. */
  forget(applicationId: string, key: string): Promise<void>
}

/** What one round of housekeeping did. */
export interface Retained {
  /** Days (`YYYYMMDD`, UTC) whose events, deliveries and attempts were let go; with `/24h` behind it, those of applications that want 24 hours. */
  readonly dropped: readonly string[]
  /** Days that are old enough of which only what is on its way is left, with at most as much again that has ended since. */
  readonly held: readonly string[]
  /** Days that are old enough of which more than `RETENTION_HELD_MAX` deliveries are on their way: kept whole until fewer are. */
  readonly kept: readonly string[]
  /** Days that are old enough and were in use: left for the next round. */
  readonly locked: readonly string[]
  readonly deadLetters: number
  readonly claims: number
}

export interface StatusKeeper {
  /**
   * Lets go of what is older than it has to be: events, deliveries and attempts by the day, once it ended as long ago as their application wanted them
   * kept, or `retentionHours` if it did not say; dead letters when the log forgets them; claims after their window. What is on its way stays, with its
   * event and its attempts. Nobody who reads or writes other days waits for more than a moment. Another process may do it at the same time.
   */
  retain(options: { readonly nowMs: number; readonly retentionHours: number }): Promise<Retained>
}

/** The status views of the log, and the idempotency keys. All adapters pass `store-conformance`. All calls reject with `StoreUnavailable`. */
export interface StatusStore
  extends
    StatusProjection,
    StatusReader,
    StoryReader,
    AuditReader,
    ConservationReader,
    ConservationBooks,
    KeyUses,
    DeadLetterQueue,
    ReplayReader,
    MutualExclusion,
    IdempotencyClaims,
    StatusKeeper {
  ping(): Promise<void>
  /** Ends every connection; calls under way are waited for. */
  close(): Promise<void>
}

/** The store cannot be reached, is not ready, or did not answer in time. What was asked may or may not have been done. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable"
  readonly code = "store_unavailable"
  readonly retryable = true

  constructor(message: string, cause?: unknown) {
    super(message, { cause })
  }
}
