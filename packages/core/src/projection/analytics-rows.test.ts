import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { AttemptRecordSchema, DeliveryState, ErrorClass, EventAcceptedSchema, Outcome } from "@posthorn/proto"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { attemptRow, eventRow } from "./analytics-rows.ts"

const CANARY = "canary-7f3a"

const finished = (change: { outcome?: Outcome; errorClass?: ErrorClass; state?: DeliveryState } = {}) =>
  create(AttemptRecordSchema, {
    record: {
      case: "finished",
      value: {
        delivery: {
          deliveryId: "dlv_1",
          applicationId: "app_1",
          eventId: "evt_1",
          subscriptionId: "sub_1",
          eventType: "order.created",
          createdAt: timestampFromMs(1_700_000_000_001),
        },
        round: 2,
        attempt: {
          id: "att_1",
          number: 3,
          outcome: change.outcome ?? Outcome.FAILED,
          errorClass: change.errorClass ?? ErrorClass.STATUS,
          statusCode: 503,
          error: CANARY,
          scheduledAt: timestampFromMs(1_700_000_060_000),
          startedAt: timestampFromMs(1_700_000_060_010),
          finishedAt: timestampFromMs(1_700_000_060_043),
          durationMs: 33.25,
          request: { method: "POST", url: `https://${CANARY}.example.org`, headers: { authorization: CANARY } },
          response: { headers: { "set-cookie": CANARY }, body: CANARY },
        },
        state: change.state ?? DeliveryState.RETRYING,
        reason: CANARY,
      },
    },
  })

describe("rows for analytics", () => {
  it("an attempt becomes one row with its identity, outcome and times", () => {
    expect(attemptRow(finished(), 42)).toEqual({
      application_id: "app_1",
      subscription_id: "sub_1",
      event_id: "evt_1",
      event_type: "order.created",
      delivery_id: "dlv_1",
      round: 2,
      attempt: 3,
      outcome: "failed",
      error_class: "status",
      status_code: 503,
      delivery_state: "retrying",
      created_at: 1_700_000_000_001,
      scheduled_at: 1_700_000_060_000,
      started_at: 1_700_000_060_010,
      finished_at: 1_700_000_060_043,
      duration_ms: 33.25,
      log_offset: 42,
    })
  })

  it("nothing that was sent or answered, and no error text, gets into a row", () => {
    const event = create(EventAcceptedSchema, {
      eventId: "evt_1",
      applicationId: "app_1",
      type: "order.created",
      payload: new TextEncoder().encode(CANARY),
      metadata: { [CANARY]: CANARY },
      idempotencyKey: CANARY,
      acceptedAt: timestampFromMs(1_700_000_000_000),
    })
    expect(JSON.stringify([attemptRow(finished(), 1), eventRow(event, 1)])).not.toContain(CANARY)
    expect(eventRow(event, 1)?.payload_bytes).toBe(CANARY.length)
  })

  it("a delivered attempt has no error class whatever the record says", () => {
    const row = attemptRow(finished({ outcome: Outcome.DELIVERED, errorClass: ErrorClass.TLS, state: DeliveryState.DELIVERED }), 1)
    expect(row).toMatchObject({ outcome: "delivered", error_class: "", delivery_state: "delivered" })
  })

  it("what is not a finished attempt makes no row", () => {
    expect(attemptRow(create(AttemptRecordSchema, { record: { case: "created", value: {} } }), 1)).toBeUndefined()
    expect(attemptRow(create(AttemptRecordSchema, { record: { case: "settled", value: {} } }), 1)).toBeUndefined()
    expect(attemptRow(create(AttemptRecordSchema, { record: { case: "finished", value: {} } }), 1)).toBeUndefined()
    expect(attemptRow(create(AttemptRecordSchema), 1)).toBeUndefined()
    expect(eventRow(create(EventAcceptedSchema, { eventId: "evt_1", applicationId: "app_1" }), 1)).toBeUndefined()
  })

  it("values of enums that this version does not know still make a complete row", () => {
    const row = attemptRow(finished({ errorClass: 99 as ErrorClass, state: 99 as DeliveryState }), 1)
    expect(row).toMatchObject({ outcome: "failed", error_class: "", delivery_state: "scheduled" })
  })

  it("times keep their millisecond", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4_102_444_800_000 }), (ms) => {
        const event = create(EventAcceptedSchema, { eventId: "e", applicationId: "a", acceptedAt: timestampFromMs(ms) })
        expect(eventRow(event, 1)?.accepted_at).toBe(ms)
      }),
    )
  })
})
