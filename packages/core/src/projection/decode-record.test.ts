import { create, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { AttemptRecordSchema, ControlRecordSchema, DeadLetterRecordSchema, EventAcceptedSchema } from "@posthorn/proto"
import fc from "fast-check"
import { expect, test } from "vitest"
import { decodeRecord, PROJECTED_TOPICS } from "./decode-record.ts"

test("bytes that are no record never throw, and never become a row without an identity", () => {
  fc.assert(
    fc.property(fc.constantFrom(...PROJECTED_TOPICS), fc.uint8Array({ maxLength: 200 }), (topic, value) => {
      const decoded = decodeRecord(topic, value)
      if ("undecodable" in decoded) expect(decoded.undecodable).not.toBe("")
      else if (decoded.topic === "events") expect(decoded.message.eventId).not.toBe("")
    }),
  )
})

test.each(PROJECTED_TOPICS)("an empty value of %s is undecodable", (topic) => {
  expect(decodeRecord(topic, new Uint8Array())).toHaveProperty("undecodable")
})

test("a time far from every clock makes a record undecodable, because it would make a day of its own", () => {
  const at = (ms: number) =>
    decodeRecord(
      "events",
      toBinary(
        EventAcceptedSchema,
        create(EventAcceptedSchema, { eventId: "evt_1", applicationId: "app_1", acceptedAt: timestampFromMs(ms) }),
      ),
    )
  expect(at(Date.UTC(2030, 0))).toHaveProperty("message")
  expect(at(0)).toHaveProperty("undecodable")
  expect(at(Date.UTC(5000, 0))).toHaveProperty("undecodable")
})

test("a retention that nobody can have asked for makes a record undecodable, because it would make tables of its own", () => {
  const keptFor = (retentionHours: number) => {
    const facts = { applicationId: "app_1", retentionHours }
    const at = timestampFromMs(Date.UTC(2030, 0))
    const event = toBinary(EventAcceptedSchema, create(EventAcceptedSchema, { ...facts, eventId: "evt_1", acceptedAt: at }))
    const created = { case: "created", value: { delivery: { ...facts, deliveryId: "dlv_1", createdAt: at } } } as const
    const outcome = toBinary(AttemptRecordSchema, create(AttemptRecordSchema, { record: created }))
    return [decodeRecord("events", event), decodeRecord("attempts", outcome)].map((decoded) => "message" in decoded)
  }
  expect([0, 8760].flatMap(keptFor)).toEqual([true, true, true, true])
  expect([-1, 8761].flatMap(keptFor)).toEqual([false, false, false, false])
})

test("an outcome needs its delivery, and a dead letter its content", () => {
  const attempt = create(AttemptRecordSchema, {
    record: {
      case: "finished",
      value: { delivery: { deliveryId: "dlv_1", applicationId: "app_1", createdAt: timestampFromMs(Date.UTC(2030, 0)) } },
    },
  })
  expect(decodeRecord("attempts", toBinary(AttemptRecordSchema, attempt))).toHaveProperty("undecodable")
  const letter = create(DeadLetterRecordSchema, { deadAt: timestampFromMs(Date.UTC(2030, 0)) })
  expect(decodeRecord("dead-letters", toBinary(DeadLetterRecordSchema, letter))).toHaveProperty("undecodable")
})

test("a record of control needs the delivery that it is about, unless it is about none", () => {
  const control = (record: object) =>
    decodeRecord("control", toBinary(ControlRecordSchema, create(ControlRecordSchema, { record: record as never })))
  const delivery = { deliveryId: "dlv_1", applicationId: "app_1" }
  expect(control({ case: "cancel", value: { delivery } })).toHaveProperty("message")
  expect(control({ case: "cancel", value: {} })).toHaveProperty("undecodable")
  expect(control({ case: "cancel", value: { delivery: { ...delivery, deliveryId: "x".repeat(301) } } })).toHaveProperty("undecodable")
  expect(control({ case: "run", value: { due: { deliveryId: "dlv_1", event: { eventId: "evt_1" } } } })).toHaveProperty("message")
  expect(control({ case: "run", value: { due: { deliveryId: "dlv_1" } } })).toHaveProperty("undecodable")
  expect(control({ case: "breaker", value: { subscriptionId: "sub_1" } })).toHaveProperty("message")
})

test("a discard needs its delivery and its time, not when the delivery was made", () => {
  const discard = (deadAtMs: number, delivery?: object) =>
    decodeRecord(
      "dead-letters",
      toBinary(
        DeadLetterRecordSchema,
        create(DeadLetterRecordSchema, {
          deadAt: timestampFromMs(deadAtMs),
          content: { case: "discarded", value: { round: 1, ...(delivery ? { delivery } : {}) } },
        }),
      ),
    )
  expect(discard(Date.UTC(2030, 0), { deliveryId: "dlv_1", applicationId: "app_1" })).toHaveProperty("message")
  expect(discard(Date.UTC(2030, 0))).toHaveProperty("undecodable")
  expect(discard(0, { deliveryId: "dlv_1", applicationId: "app_1" })).toHaveProperty("undecodable")
})

test("an event that nobody takes needs its id, its application and its time", () => {
  const unmatched = (more: object) => {
    const value = { eventId: "evt_1", applicationId: "app_1", acceptedAt: timestampFromMs(Date.UTC(2030, 0)), ...more }
    return decodeRecord("attempts", toBinary(AttemptRecordSchema, create(AttemptRecordSchema, { record: { case: "unmatched", value } })))
  }
  expect(unmatched({})).toHaveProperty("message")
  for (const more of [{ eventId: "" }, { applicationId: "" }, { acceptedAt: timestampFromMs(0) }, { eventType: "x".repeat(301) }])
    expect(unmatched(more)).toHaveProperty("undecodable")
})
