import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { ActorSchema, DeliveryDueSchema, DeliverySchema, DeliveryState, SubscriptionSchema } from "@posthorn/proto"
import { expect, test } from "vitest"
import type { SubscriptionEntity } from "../config/entities.ts"
import * as limits from "../limits.ts"
import { decideCancelTry } from "./control.ts"
import { decideCancelledAsWanted, decideExpired, factsOf, isExpired, letterOf, REASONS } from "./decide.ts"
import { permissionOf } from "./permission.ts"

const HOUR_MS = 3_600_000
const due = create(DeliveryDueSchema, {
  deliveryId: "dlv_1",
  subscriptionId: "sub_1",
  round: 1,
  attempt: 3,
  createdAt: timestampFromMs(0),
  firstAttemptAt: timestampFromMs(HOUR_MS),
  event: { eventId: "evt_1", configPosition: 7n },
})

test("a schedule runs out 72 hours after its first attempt, or when its policy does if that is later", () => {
  const endMs = HOUR_MS + limits.RETRY_SPAN_MS
  expect([isExpired(due, undefined, endMs), isExpired(due, undefined, endMs + 1)]).toEqual([false, true])
  const policy = { delaysSeconds: Array.from({ length: 5 }, () => 86_400) } as never
  expect(isExpired(due, policy, endMs + 1)).toBe(false)
  const again = create(DeliveryDueSchema, { ...due, round: 2, roundBeganAt: timestampFromMs(100 * HOUR_MS) })
  delete again.firstAttemptAt
  expect([isExpired(again, undefined, 172 * HOUR_MS), isExpired(again, undefined, 173 * HOUR_MS)]).toEqual([false, true])
})

test("one that runs out is dead as it was last tried, so that a redrive goes on with the number of the try that was not made", () => {
  const settled = decideExpired(due, 5)
  expect(settled).toMatchObject({ state: DeliveryState.DEAD, reason: REASONS.exhausted, attemptCount: 2 })
  expect(letterOf(due, settled)?.content).toMatchObject({ case: "delivery", value: { deliveryId: "dlv_1", attempt: 2 } })
})

test("every outcome says how long it is kept, as its event does, also one that is made of what the views show", () => {
  const event = { eventId: "evt_1", retentionHours: 120 }
  expect(factsOf(create(DeliveryDueSchema, { ...due, event: { ...due.event!, ...event } })).retentionHours).toBe(120)
  const shown = create(DeliverySchema, { id: "dlv_1", retentionHours: 120 })
  const { record } = decideCancelTry(shown, { actor: create(ActorSchema), nowMs: 0, reason: "" })
  if (record.case !== "cancel") throw new Error("a cancelled try was asked for")
  expect(decideCancelledAsWanted(record.value, 5).delivery).toMatchObject({ deliveryId: "dlv_1", retentionHours: 120 })
})

test("what began before its subscription was last disabled is over, though it is enabled again; what began after goes out", () => {
  const entity = (voidBefore: number, more = {}): SubscriptionEntity => ({
    kind: "subscription",
    version: 3,
    subscription: create(SubscriptionSchema, { id: "sub_1", enabled: true, ...more }),
    secrets: [],
    sourceSecret: "",
    sourceSecretFingerprint: "",
    voidBefore,
  })
  expect([0, 7, 8].map((voidBefore) => permissionOf(due, entity(voidBefore)).kind)).toEqual(["send", "send", "cancel"])
  const redriven = create(DeliveryDueSchema, { ...due, round: 2, configPosition: 9n })
  expect(permissionOf(redriven, entity(8))).toEqual({ kind: "send" })
  expect(permissionOf(due, entity(0, { paused: true }))).toEqual({ kind: "park" })
  expect(permissionOf(due, entity(0, { paused: true, enabled: false }))).toEqual({ kind: "cancel", reason: REASONS.disabled })
  expect(permissionOf(due, undefined)).toEqual({ kind: "cancel", reason: REASONS.deleted })
})
