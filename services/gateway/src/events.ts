import { LATENCY_BUCKETS_SECONDS, type Logger, type Metrics } from "@posthorn/runtime"
import type { DoorEvents } from "./call.ts"
import { CODES } from "./error-boundary.ts"
import type { PublishEvents } from "./publish/publish-context.ts"
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
] as const
type Log = Logger<(typeof LOG_FIELDS)[number]>

const DOORS = ["grpc", "connect", "rest"] as const
const ANSWERS = ["ok", ...Object.keys(CODES)]

/** Every log line and metric of the gateway. */
export function gatewayEvents(log: Log, metrics: Metrics) {
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
  const ingested = metrics.counter({
    name: "posthorn_ingest_events_total",
    help: "Events acknowledged; duplicates are those whose idempotency key was seen before.",
    labels: { source: ["publish", "ingest"], duplicate: ["true", "false"] },
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
  const doors: DoorEvents = {
    requestFinished({ door, method, code, durationMs, requestId }) {
      requests.add(1, { door, code })
      duration.observe(durationMs / 1000, { door })
      log.debug("request finished", { door, method, code, durationMs, requestId })
    },
    requestFailed: ({ door, method, requestId, cause }) => log.error("request failed", { door, method, requestId, error: cause }),
  }
  const publish: PublishEvents = {
    accepted: (source, duplicate) => ingested.add(1, { source, duplicate: duplicate ? "true" : "false" }),
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
    deadLettersGone: (taskId, count) => log.warn("the log holds these dead letters no more: they cannot be sent again", { taskId, count }),
    taskInterrupted: (taskId, cause) => log.warn("task was interrupted; it goes on later", { taskId, error: cause }),
    taskDone: (taskId) => log.info("task is done", { taskId }),
  }
  return {
    ...doors,
    ...publish,
    ...tasks,
    configUndecodable: (offset: number, cause: unknown): void =>
      log.error("record of config could not be decoded; it is passed over", { offset, error: cause }),
    started: (addresses: { httpUrl: string; grpcAddress: string }): void => log.info("gateway started", addresses),
    stopped: (): void => log.info("gateway stopped"),
    logFault: (cause: unknown): void => log.warn("log is in trouble", { error: cause }),
  }
}

export type GatewayEvents = ReturnType<typeof gatewayEvents>
