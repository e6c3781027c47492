import type { EventTopic, KnownEntity, Refusal, StatusRows } from "@posthorn/core"
import type { Timestamp } from "@bufbuild/protobuf/wkt"
import type {
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

/** Whose rows are read: one application's, or all, which only the operator may. */
export type Tenancy = { readonly applicationId: string } | "every application"

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
  /** Deliveries that were made in a span, by the state in which they are now. Costs what there is in the span. */
  countDeliveries(tenancy: Tenancy, query: DeliveryCountQuery): Promise<DeliveryCounts>
  countSubscriptions(tenancy: Tenancy): Promise<SubscriptionCounts>
  listDeadLetters(tenancy: Tenancy, request: ListDeadLettersRequest): Promise<ListDeadLettersResponse | Refusal>
  /** How the endpoints of these subscriptions do; those that nothing is known of are left out. */
  healthOf(subscriptionIds: readonly string[]): Promise<ReadonlyMap<string, SubscriptionHealth>>
  /** What another try of a delivery is made of; `undefined` also while its event is not in the view. */
  getRedelivery(tenancy: Tenancy, deliveryId: string): Promise<Redelivery | undefined>
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

export interface Redelivery {
  /** Without attempts. */
  readonly delivery: Delivery
  /** As the view keeps it. */
  readonly event: EventAccepted
  /** Where the log had the event; `undefined` = not known. */
  readonly place: { readonly topic: EventTopic; readonly partition: number; readonly offset: number } | undefined
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
}

export interface EarlierClaim {
  readonly eventId: string
  readonly sameBody: boolean
  /** Whether the event is known to be in the log. */
  readonly accepted: boolean
  /** When it was first claimed: whoever appends the event again gives it this time, so that it is the same event. */
  readonly claimedAtMs: number
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
  /** Days (`YYYYMMDD`, UTC) whose events, deliveries and attempts were let go. */
  readonly dropped: readonly string[]
  /** Days that are old enough but have deliveries on their way: kept until those end. */
  readonly kept: readonly string[]
  readonly deadLetters: number
  readonly claims: number
}

export interface StatusKeeper {
  /**
   * Lets go of what is older than it has to be: whole days of events, deliveries and attempts once the day ended `retentionHours` ago and every
   * delivery in it has ended; dead letters when the log forgets them; claims after their window. Whoever calls while another does finds nothing to do.
   */
  retain(options: { readonly nowMs: number; readonly retentionHours: number }): Promise<Retained>
}

/** The status views of the log, and the idempotency keys. All adapters pass `store-conformance`. All calls reject with `StoreUnavailable`. */
export interface StatusStore
  extends StatusProjection, StatusReader, AuditReader, KeyUses, DeadLetterQueue, MutualExclusion, IdempotencyClaims, StatusKeeper {
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
