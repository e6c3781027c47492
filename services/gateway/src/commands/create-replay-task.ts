import { toJsonString } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import { assert, isEnabled, limits, noSuch, refuse, TOPIC_FACTS, type Refusal, type SubscriptionEntity } from "@posthorn/core"
import { ReplayFilterSchema, ReplaySelection, TaskKind, type ReplayFilter } from "@posthorn/proto"
import type { ReplayCount } from "@posthorn/store"
import type { Call } from "../call.ts"
import type { RpcContext } from "../rpc/rpc-context.ts"
import { createTask, type CountedTask } from "./create-task.ts"

export interface ReplayTask {
  /** Of an application that the caller may manage. */
  readonly filter: ReplayFilter
  readonly dryRun: boolean
  /** 0 = the default. */
  readonly ratePerSecond: number
  /** The field of the request that has the beginning. */
  readonly sinceField: string
}

/** Makes the task of a replay, or only counts its events. */
export async function createReplayTask(context: RpcContext, call: Call, request: ReplayTask): Promise<CountedTask | Refusal> {
  const { config, reader, nowMs } = context
  const { filter, dryRun, ratePerSecond, sinceField } = request
  const { applicationId, subscriptionId, types, since, until } = filter
  assert(since, "the contract requires a beginning")
  const keptMs = TOPIC_FACTS.events.retentionMs
  if (keptMs !== undefined && timestampMs(since) < nowMs() - keptMs) return tooLongAgo(sinceField)
  const taker = subscriptionId === "" ? undefined : config.table.subscription(subscriptionId)
  if (subscriptionId !== "" && taker?.subscription.applicationId !== applicationId) return noSuch("subscription")
  if (taker !== undefined && !isEnabled(taker)) return refuse("failed_precondition", "The subscription is disabled: enable it first.")
  const wanted: ReplayCount = { applicationId, types, since, until: until ?? timestampFromMs(nowMs()), ...takenBy(taker, filter) }
  return createTask(context, call, {
    kind: TaskKind.REPLAY,
    applicationId,
    filter: toJsonString(ReplayFilterSchema, filter),
    ratePerSecond: ratePerSecond || limits.TASK_RATE_DEFAULT,
    dryRun,
    count: () => reader.countReplay(wanted),
  })
}

function takenBy(taker: SubscriptionEntity | undefined, { selection }: ReplayFilter): Pick<ReplayCount, "subscription"> {
  if (taker === undefined) return {}
  const { id, eventTypes } = taker.subscription
  return { subscription: { id, eventTypes, undelivered: selection !== ReplaySelection.UNSPECIFIED } }
}

const tooLongAgo = (field: string): Refusal =>
  refuse("invalid_argument", "The log no longer has what was accepted then.", {
    details: [{ field, reason: "must be within the last 7 days" }],
  })
