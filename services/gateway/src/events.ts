import { LATENCY_BUCKETS_SECONDS, type Logger, type Metrics } from "@posthorn/runtime"
import type { DoorEvents, FeedEvents } from "./call.ts"
import type { RootDialect } from "./dialects/root-dialect.ts"
import { CODES } from "./error-boundary.ts"
import type { PublishEvents } from "./publish/publish-context.ts"
import { PAYLOAD_RESULTS, type PayloadEvents } from "./schemas/payload-rules.ts"
import type { TaskEvents } from "./tasks/task-context.ts"

/** The only fields of this service's log lines. */
export const LOG_FIELDS = [
  "door",
  "method",
  "code",
  "durationMs",
  "requestId",
  "eventId",
  "offset",
  "httpUrl",
  "grpcAddress",
  "count",
  "taskId",
  "dialect",
  "applicationId",
] as const
type Log = Logger<(typeof LOG_FIELDS)[number]>

const DOORS = ["grpc", "connect", "rest"] as const
const ANSWERS = ["ok", ...Object.keys(CODES)]

/** Every log line and metric of the gateway. */
export function gatewayEvents(log: Log, metrics: Metrics) {
  const ingested = metrics.counter({
    name: "posthorn_ingest_events_total",
    help: "Events acknowledged; duplicates are those whose idempotency key was seen before.",
    labels: { source: ["publish", "ingest"], duplicate: ["true", "false"] },
  })
  const limited = metrics.counter({
    name: "posthorn_ingest_limited_total",
    help: "Events refused because their key or application had published too many.",
  })
  const unclaimed = metrics.counter({
    name: "posthorn_ingest_unclaimed_total",
    help: "Events whose sender's own id could not be checked because the store was away.",
  })
  const worked = metrics.counter({
    name: "posthorn_task_dead_letters_total",
    help: "Dead letters that tasks have redriven or discarded.",
    labels: { kind: ["redrive", "discard"] },
  })
  const replayed = metrics.counter({
    name: "posthorn_task_replayed_deliveries_total",
    help: "Deliveries that replays have begun.",
  })
  const publish: PublishEvents = {
    accepted: (source, duplicate) => ingested.add(1, { source, duplicate: duplicate ? "true" : "false" }),
    limited: () => limited.add(1),
    claimNotSettled: (eventId, cause) => log.warn("accepted event could not be written beside its key", { eventId, error: cause }),
    claimPassedOver(eventId, cause) {
      unclaimed.add(1)
      log.warn("event goes on without its key: the store is away", { eventId, error: cause })
    },
  }
  const tasks: TaskEvents = {
    taskAdvanced: (taskId, kind, count) => {
      worked.add(count, { kind })
      log.debug("task advanced", { taskId, count })
    },
    taskReplayed: (taskId, count) => {
      replayed.add(count)
      log.debug("replay advanced", { taskId, count })
    },
    deadLettersGone: (taskId, count) => log.warn("the log holds these dead letters no more: they cannot be sent again", { taskId, count }),
    taskInterrupted: (taskId, cause) => log.warn("task was interrupted; it goes on later", { taskId, error: cause }),
    taskDone: (taskId) => log.info("task is done", { taskId }),
  }
  return {
    ...doorEvents(log, metrics),
    ...publish,
    ...tasks,
    ...schemaEvents(log, metrics),
    ...accessEvents(log, metrics),
    configUndecodable: (offset: number, cause: unknown): void =>
      log.error("record of config could not be decoded; it is passed over", { offset, error: cause }),
    configSnapshotWritten: (offset: number): void => log.info("snapshot of config written", { offset }),
    configSnapshotFailed: (cause: unknown): void =>
      log.warn("snapshot of config could not be written; it is tried again", { error: cause }),
    dialectWithoutKey: ({ name, applicationId }: RootDialect): void =>
      log.warn("whoever calls from a trusted network manages this application by the dialect at the root, without a key", {
        dialect: name,
        applicationId,
      }),
    started: (addresses: { httpUrl: string; grpcAddress: string }): void => log.info("gateway started", addresses),
    stopped: (): void => log.info("gateway stopped"),
    logFault: (cause: unknown): void => log.warn("log is in trouble", { error: cause }),
  }
}

export type GatewayEvents = ReturnType<typeof gatewayEvents>

function schemaEvents(log: Log, metrics: Metrics) {
  const checked = metrics.counter({
    name: "posthorn_payload_checks_total",
    help: "Payloads checked against the schemas of their event types, by what came of it.",
    labels: { result: PAYLOAD_RESULTS },
  })
  const payloads: PayloadEvents = { payloadChecked: (result) => checked.add(1, { result }) }
  return {
    ...payloads,
    schemaThreadFailed: (cause: unknown): void =>
      log.error("thread that checks payloads has failed; it is started again", { error: cause }),
  }
}

function accessEvents(log: Log, metrics: Metrics) {
  const refused = metrics.counter({
    name: "posthorn_audit_refusals_total",
    help: "Refused requests for the audit log; of too many in a row only some are recorded.",
    labels: { recorded: ["true", "false"] },
  })
  return {
    refusalNoted: (recorded: boolean): void => refused.add(1, { recorded: recorded ? "true" : "false" }),
    refusalsWaiting: (count: number, cause: unknown): void =>
      log.warn("the log did not take refused requests; they are tried again", { count, error: cause }),
    keyUsesWaiting: (cause: unknown): void => log.warn("which keys were used could not be written; it is tried again", { error: cause }),
  }
}

function doorEvents(log: Log, metrics: Metrics): DoorEvents & FeedEvents {
  const requests = metrics.counter({
    name: "posthorn_requests_total",
    help: "Requests answered, by door and code.",
    labels: { door: DOORS, code: ANSWERS },
  })
  const duration = metrics.histogram({
    name: "posthorn_request_duration_seconds",
    help: "From the request to its answer.",
    labels: { door: DOORS },
    buckets: LATENCY_BUCKETS_SECONDS,
  })
  const feeds = metrics.gauge({
    name: "posthorn_open_streams",
    help: "Exports and live streams that are open.",
    labels: { kind: ["export", "watch"] },
  })
  return {
    feedsOpen: (kind, count) => feeds.set(count, { kind }),
    requestFinished({ door, method, code, durationMs, requestId }) {
      requests.add(1, { door, code })
      duration.observe(durationMs / 1000, { door })
      log.debug("request finished", { door, method, code, durationMs, requestId })
    },
    requestFailed: ({ door, method, requestId, cause }) => log.error("request failed", { door, method, requestId, error: cause }),
  }
}
