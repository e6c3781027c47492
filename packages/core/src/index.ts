export * from "./assert.ts"
export * from "./attempt/classify.ts"
export * from "./attempt/error-class-words.ts"
export * from "./attempt/retry-after.ts"
export { masks } from "./config/apply-mask.ts"
export { etagOf, noSuch, superseded, type ChangeContext } from "./config/change.ts"
export * from "./config/config-table.ts"
export * from "./config/entities.ts"
export * from "./config/decide-application.ts"
export * from "./config/decide-event-type.ts"
export * from "./config/decide-event-type-import.ts"
export { eventTypeIdOf, eventTypeOf } from "./config/event-type-definition.ts"
export { plainEventType, PREDEFINED_EVENT_TYPES } from "./config/predefined-event-types.ts"
export * from "./config/decide-key.ts"
export * from "./config/decide-subscription.ts"
export * from "./config/decide-task.ts"
export { CONFIG_RULES, evolve as evolveConfig, restore as restoreConfig } from "./config/evolve.ts"
export { ConfigCapture } from "./config/capture.ts"
export type { CommandDone } from "./config/recent-commands.ts"
export { secretPlace } from "./config/secret-place.ts"
export type { SortedIds } from "./config/sorted-ids.ts"
export * from "./delivery/control.ts"
export * from "./delivery/decide.ts"
export * from "./delivery/evolve.ts"
export * from "./delivery/permission.ts"
export * from "./delivery/requeue.ts"
export * from "./event/accept.ts"
export * from "./event/cloud-event.ts"
export * from "./event/compose-body.ts"
export * from "./event/event-type-name.ts"
export * from "./event/json-content.ts"
export * from "./event/schema-import.ts"
export * from "./event/schema-rules.ts"
export { OffsetTracker } from "./flow/offset-tracker.ts"
export { partitionOf } from "./flow/partition-of.ts"
export * from "./flow/breaker.ts"
export * from "./flow/due-queue.ts"
export * from "./flow/fair-lanes.ts"
export * from "./flow/pacer.ts"
export * from "./flow/rate-meter.ts"
export * from "./flow/share-meter.ts"
export { VERSION } from "./version.ts"
export * from "./delivery/compose-request.ts"
export * from "./ids.ts"
export * as limits from "./limits.ts"
export * from "./refusal.ts"
export * from "./retry/schedule.ts"
export * from "./retry/tier.ts"
export * from "./routing/filter.ts"
export * from "./routing/filter-rules.ts"
export * from "./routing/filter-subject.ts"
export * from "./routing/subscription-index.ts"
export * from "./signing/keys.ts"
export * from "./signing/sign.ts"
export * from "./signing/verify.ts"
export * from "./topics.ts"
export { attemptRow, eventRow, type AttemptRow, type EventRow } from "./projection/analytics-rows.ts"
export { type ByteRange, jsonElements, jsonMembers } from "./event/json-members.ts"
export {
  decodeRecord,
  PROJECTED_TOPICS,
  type Decoded,
  type ProjectedRecord,
  type RecordPosition,
  type Undecodable,
} from "./projection/decode-record.ts"
export {
  foldStatus,
  type AttemptStatusRow,
  type DeadLetterRow,
  type DeliveryRow,
  type EventStatusRow,
  type HealthRow,
  type StatusRows,
} from "./projection/status-rows.ts"
export type { AuditRow } from "./projection/audit-row.ts"
export type { SettlementRow } from "./projection/settlement-rows.ts"
export { idsNamedBy, type ConfigRows, type KnownEntity } from "./projection/config-rows.ts"
