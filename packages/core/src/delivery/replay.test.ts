import { create, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import {
  ActorSchema,
  AttemptRecordSchema,
  DeliverySchema,
  DeliveryState,
  EventAcceptedSchema,
  ReplaySelection,
  SubscriptionSchema,
  type Delivery,
} from "@posthorn/proto"
import { expect, test } from "vitest"
import { deliveryIdOf } from "../ids.ts"
import { isExpired } from "./decide.ts"
import { permissionOf } from "./permission.ts"
import { begunRecord, decideReplay, type Replay } from "./replay.ts"

const NOW_MS = 1_800_000_000_000
const ACCEPTED = timestampFromMs(NOW_MS - 5 * 24 * 3_600_000)
const event = create(EventAcceptedSchema, { eventId: "evt_1", applicationId: "app_1", type: "a", acceptedAt: ACCEPTED, configPosition: 5n })
const how = { nowMs: NOW_MS, configPosition: 90, actor: create(ActorSchema, { id: "tsk_1" }), taskId: "tsk_1" }
const delivery = (state: DeliveryState): Delivery =>
  create(DeliverySchema, {
    id: deliveryIdOf("evt_1", "sub_1"),
    subscriptionId: "sub_1",
    state,
    round: 2,
    attemptCount: 7,
    createdAt: ACCEPTED,
  })
const decide = (more: Partial<Replay>) =>
  decideReplay({ event, subscriptionId: "sub_1", delivery: undefined, selection: ReplaySelection.UNSPECIFIED, ...more }, how)
const begun = (more: Partial<Replay>) => {
  const decided = decide(more)
  if (typeof decided === "string") throw new Error(decided)
  return decided
}

test("what has ended begins its next round, what never was its first; both in the lower class, with the identity that they have anyway", () => {
  const again = begun({ delivery: delivery(DeliveryState.DELIVERED) })
  expect(again.due).toMatchObject({ deliveryId: deliveryIdOf("evt_1", "sub_1"), round: 3, attempt: 8, roundFirstAttempt: 8, bulk: true })
  expect(again.record.record).toMatchObject({ case: "requeued", value: { round: 3, attemptCount: 7, taskId: "tsk_1" } })
  const first = begun({})
  expect(first.due).toMatchObject({ deliveryId: again.due.deliveryId, round: 1, attempt: 1, roundFirstAttempt: 1, bulk: true })
  expect(first.due.createdAt).toEqual(ACCEPTED)
  expect(first.record.record).toMatchObject({ case: "created", value: { taskId: "tsk_1" } })
  for (const { due } of [again, first]) expect(due).toMatchObject({ hastened: false, taskId: "tsk_1", configPosition: 90n })
})

test("what is said of a round can be said again from its first try", () => {
  for (const { due, record } of [begun({}), begun({ delivery: delivery(DeliveryState.DEAD) })])
    expect(toBinary(AttemptRecordSchema, begunRecord(due, "tsk_1"))).toEqual(toBinary(AttemptRecordSchema, record))
})

test.each([
  [ReplaySelection.UNSPECIFIED, ["none", "delivered", "dead", "cancelled"]],
  [ReplaySelection.NOT_DELIVERED, ["none", "dead", "cancelled"]],
  [ReplaySelection.DEAD, ["dead"]],
  [ReplaySelection.CANCELLED, ["cancelled"]],
])("selection %s takes what it says, and never what is on its way", (selection, taken) => {
  const states = { delivered: DeliveryState.DELIVERED, dead: DeliveryState.DEAD, cancelled: DeliveryState.CANCELLED }
  const decided = [
    ["none", decide({ selection })] as const,
    ...Object.entries(states).map(([name, state]) => [name, decide({ selection, delivery: delivery(state) })] as const),
  ]
  expect(decided.flatMap(([name, each]) => (typeof each === "object" ? [name] : []))).toEqual(taken)
  for (const state of [DeliveryState.SCHEDULED, DeliveryState.RETRYING])
    expect(decide({ selection, delivery: delivery(state) })).toBe("on its way")
})

test("an event that is to be delivered later is on its way until then", () => {
  const at = (ms: number) => decide({ event: create(EventAcceptedSchema, { ...event, deliverAt: timestampFromMs(NOW_MS + ms) }) })
  expect(at(1)).toBe("on its way")
  expect(typeof at(0)).toBe("object")
})

test("a first round of a replay is sent although its subscription was disabled after the event, and not when it was after the replay", () => {
  const entity = (voidBefore: number) => ({
    kind: "subscription" as const,
    version: 3,
    subscription: create(SubscriptionSchema, { id: "sub_1", enabled: true }),
    secrets: [],
    sourceSecret: "",
    sourceSecretFingerprint: "",
    voidBefore,
  })
  const { due } = begun({})
  expect(permissionOf(due, entity(80)).kind).toBe("send")
  expect(permissionOf(due, entity(91)).kind).toBe("cancel")
  // Its schedule begins with it, however old the event is.
  expect(isExpired(due, undefined, NOW_MS + 1000)).toBe(false)
})
