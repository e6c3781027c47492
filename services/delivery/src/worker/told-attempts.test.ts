import { timestampMs } from "@bufbuild/protobuf/wkt"
import { deliveryIdOf } from "@posthorn/core"
import { createMemoryLog, type MemoryLog } from "@posthorn/log/memory"
import { NextAttemptReason, type AttemptFinished } from "@posthorn/proto"
import { eventually } from "@posthorn/testkit"
import { expect, test } from "vitest"
import { history, publish, start, subscribe } from "../delivery-under-test.ts"

/** The attempts of a delivery, once there are so many. */
const attemptsOf = (log: MemoryLog, deliveryId: string, count: number): Promise<AttemptFinished[]> =>
  eventually(
    async () => {
      const found = (await history(log, deliveryId)).flatMap(({ record }) => (record.case === "finished" ? [record.value] : []))
      return found.length >= count && found
    },
    { timeoutMs: 20_000, what: "the attempts" },
  )

test("an attempt that failed says what decided about the next one, and which retry that is", async () => {
  const log = createMemoryLog()
  const subscription = await subscribe(log, { retryPolicy: { delaysSeconds: [0, 600] } })
  await start(log, (_, nth) =>
    nth === 1 ? { kind: "answer", statusCode: 500 } : { kind: "answer", statusCode: 503, headers: { "retry-after": "3600" } },
  )
  const [first, second] = await attemptsOf(log, deliveryIdOf(await publish(log), subscription.id), 2)
  expect(first).toMatchObject({ nextAttemptReason: NextAttemptReason.SCHEDULE, retryNumber: 1 })
  expect(second).toMatchObject({ nextAttemptReason: NextAttemptReason.RETRY_AFTER, retryNumber: 2 })
  expect(first?.health?.throttledUntil).toBeUndefined()
})

test("an endpoint that asks for less is said to get nothing, and until when", async () => {
  const log = createMemoryLog()
  const subscription = await subscribe(log, { retryPolicy: { delaysSeconds: [600] } })
  await start(log, () => ({ kind: "answer", statusCode: 429, headers: { "retry-after": "120" } }))
  const [attempt] = await attemptsOf(log, deliveryIdOf(await publish(log), subscription.id), 1)
  expect(attempt).toMatchObject({
    nextAttemptReason: NextAttemptReason.SCHEDULE,
    health: { reason: "answered 429", consecutiveFailures: 0 },
  })
  const heldMs = timestampMs(attempt!.health!.throttledUntil!) - timestampMs(attempt!.attempt!.finishedAt!)
  expect(heldMs).toBeGreaterThanOrEqual(119_000)
  expect(heldMs).toBeLessThanOrEqual(121_000)
})

test("what a subscription adds to its requests goes out, and is not recorded", async () => {
  const log = createMemoryLog()
  const subscription = await subscribe(log, { headers: { "X-Tenant": "s3cret" } }, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
  const { sender } = await start(log, () => ({ kind: "answer", statusCode: 200, headers: { "set-cookie": "s3cret" } }))
  const deliveryId = deliveryIdOf(await publish(log), subscription.id)
  const [made] = await attemptsOf(log, deliveryId, 1)
  expect(sender.requests[0]?.headers).toMatchObject({ "x-tenant": "s3cret", "webhook-signature": expect.stringMatching(/^v1,/) })
  expect(made?.attempt?.request?.headers).toMatchObject({
    "x-tenant": "[hidden]",
    "webhook-signature": "[hidden]",
    "webhook-id": deliveryId,
  })
  expect(made?.attempt?.response?.headers).toEqual({ "set-cookie": "[hidden]" })
})
