import { create } from "@bufbuild/protobuf"
import { isRefusal, limits, type PublishInput, refuse, type Refusal } from "@posthorn/core"
import {
  IngestService,
  type PublishBatchResponse,
  PublishBatchResponseSchema,
  type PublishResponse,
  type PublishResult,
  PublishResultSchema,
  RefusalSchema,
} from "@posthorn/proto"
import { type Call, type DoorEvents, methodName, type PublishPort } from "../call.ts"
import { refusalOf } from "../error-boundary.ts"

const NAME = methodName(IngestService.method.publishBatch)

/** A larger batch gives way to what others publish meanwhile. */
const LIVE_EVENTS_MAX = 50

/** Publishes events at the same time, so that the log can take them together. One that is refused, or fails, fails alone. */
export type PublishBatch = (inputs: readonly (PublishInput | Refusal)[], call: Call) => Promise<PublishBatchResponse | Refusal>

export function publishBatchOf(port: PublishPort, events: DoorEvents): PublishBatch {
  return async (inputs, call) => {
    const refused = refuseCount(inputs.length)
    if (refused !== undefined) return refused
    const causes = new Set<unknown>()
    const appendClass = inputs.length > LIVE_EVENTS_MAX ? "bulk" : "live"
    const one = async (input: PublishInput | Refusal): Promise<PublishResult> => {
      if (isRefusal(input)) return resultOf(input)
      return resultOf(
        await port.publish(input, call, appendClass).catch((cause: unknown) => {
          causes.add(cause)
          return refusalOf(cause)
        }),
      )
    }
    const results = await Promise.all(inputs.map(one))
    // One fault fails many items of a batch; it is told once.
    for (const cause of causes) events.requestFailed({ door: call.door, method: NAME, requestId: call.requestId, cause })
    return create(PublishBatchResponseSchema, { results })
  }
}

/** Refuses a batch that is empty or too long; before its items are read, where the door can. */
export function refuseCount(count: number): Refusal | undefined {
  if (count > 0 && count <= limits.BATCH_EVENTS_MAX) return undefined
  return refuse("invalid_argument", "The batch has too few or too many events.", {
    details: [{ field: "events", reason: `must have 1 to ${limits.BATCH_EVENTS_MAX} entries` }],
  })
}

/** What became of one of several events. */
export function resultOf(result: PublishResponse | Refusal): PublishResult {
  if (!isRefusal(result)) return create(PublishResultSchema, { result: { case: "accepted", value: result } })
  const { code, message, retryAfterSeconds } = result
  const details = result.details.map(({ field, reason }) => ({ field, reason }))
  const value = create(RefusalSchema, { code, message, details, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) })
  return create(PublishResultSchema, { result: { case: "refused", value } })
}
