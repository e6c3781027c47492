import { create } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import { isRefusal } from "@posthorn/core"
import {
  DeliveryState,
  ListDeadLettersRequestSchema,
  ListDeliveriesRequestSchema,
  ListEventsRequestSchema,
  type Delivery,
  type ListDeliveriesRequest,
} from "@posthorn/proto"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Tenancy } from "../status-store.ts"
import { projectRecords } from "./project-records.ts"
import { applicationOf, deliveryOf, eventOf, messagesOf, NOON_MS, recordsOf, subscriptionOf, type SampleEvent } from "./sample-history.ts"
import type { StoreFixture, StoreUnderTest } from "./store-fixture.ts"

/** Forty events over three days with every kind of end, several at the same millisecond. */
const SAMPLES = Array.from({ length: 40 }, (_, index): SampleEvent => {
  const ends = [
    { statuses: [200], end: "none" },
    { statuses: [503, 204], end: "none" },
    { statuses: [0, 410], end: "dead" },
    { statuses: [503], end: "none" },
    { statuses: [], end: "none" },
    { statuses: [500], end: "cancelled" },
  ] as const
  const { statuses, end } = ends[index % ends.length]!
  return {
    number: index + 1,
    application: index % 4 === 0 ? 2 : 1,
    subscription: 1 + (index % 5),
    type: index % 3 === 0 ? "user.made" : "order.created",
    statuses,
    end,
    createdAtMs: NOON_MS + Math.floor(index / 4) * 9_000_000,
  }
})
const BY_AGE = SAMPLES.toSorted((a, b) => b.createdAtMs! - a.createdAtMs! || (deliveryOf(a) < deliveryOf(b) ? 1 : -1))
const EVERY: Tenancy = "every application"

export function readerTests(fixture: () => StoreFixture): void {
  describe("reader", () => {
    let under: StoreUnderTest
    beforeAll(async () => {
      under = await fixture().openEmpty()
      await projectRecords(under.store, recordsOf(SAMPLES.flatMap(messagesOf)))
    }, 60_000)
    afterAll(() => under.close())

    async function deliveries(tenancy: Tenancy, fields: Partial<Omit<ListDeliveriesRequest, "$typeName" | "$unknown">>) {
      const answer = await under.store.listDeliveries(tenancy, create(ListDeliveriesRequestSchema, { pageSize: 200, ...fields }))
      if (isRefusal(answer)) throw new Error(answer.message)
      return answer
    }
    const ids = (found: readonly Delivery[]) => found.map(({ id }) => id)
    const expected = (keep: (sample: SampleEvent) => boolean) => BY_AGE.filter(keep).map(deliveryOf)
    const lastStatus = ({ statuses }: SampleEvent) => statuses.at(-1)

    test.each<[string, Partial<ListDeliveriesRequest>, (sample: SampleEvent) => boolean]>([
      ["none", {}, () => true],
      ["application", { applicationId: applicationOf(2) }, ({ application }) => application === 2],
      ["subscription", { subscriptionId: subscriptionOf(3) }, ({ subscription }) => subscription === 3],
      ["event", { eventId: eventOf(7) }, ({ number }) => number === 7],
      ["type", { type: "user.made" }, ({ type }) => type === "user.made"],
      ["status code", { statusCode: 410 }, (sample) => lastStatus(sample) === 410],
      ["a 2xx status code", { statusCode: 204 }, (sample) => lastStatus(sample) === 204],
      ["state dead", { state: DeliveryState.DEAD }, ({ end }) => end === "dead"],
      ["state scheduled", { state: DeliveryState.SCHEDULED }, ({ statuses }) => statuses.length === 0],
      ["state delivered", { state: DeliveryState.DELIVERED }, (sample) => lastStatus(sample) === 200 || lastStatus(sample) === 204],
      ["since", { since: timestampFromMs(NOON_MS + 27_000_000) }, ({ createdAtMs }) => createdAtMs! >= NOON_MS + 27_000_000],
      ["until", { until: timestampFromMs(NOON_MS + 27_000_000) }, ({ createdAtMs }) => createdAtMs! < NOON_MS + 27_000_000],
      [
        "several at once",
        { type: "order.created", state: DeliveryState.CANCELLED, subscriptionId: subscriptionOf(1) },
        ({ type, end, subscription }) => type === "order.created" && end === "cancelled" && subscription === 1,
      ],
    ])("lists the deliveries that match, newest first: filter %s", async (_, fields, keep) => {
      expect(ids((await deliveries(EVERY, fields)).deliveries)).toEqual(expected(keep))
    })

    test("nothing of another application is ever answered", async () => {
      const tenancy = { applicationId: applicationOf(2) }
      expect(ids((await deliveries(tenancy, {})).deliveries)).toEqual(expected(({ application }) => application === 2))
      expect((await deliveries(tenancy, { applicationId: applicationOf(1) })).deliveries).toEqual([])
      const foreign = SAMPLES.find(({ application, end }) => application === 1 && end === "dead")!
      const event = eventOf(foreign.number)
      expect(await under.store.getEvent(tenancy, event)).toBeUndefined()
      expect(await under.store.getPayload(tenancy, event)).toBeUndefined()
      expect(await under.store.deliveriesOfEvent(tenancy, event)).toEqual([])
      expect(await under.store.getDelivery(tenancy, deliveryOf(foreign))).toBeUndefined()
      const events = await under.store.listEvents(tenancy, create(ListEventsRequestSchema, { pageSize: 200 }))
      const letters = await under.store.listDeadLetters(tenancy, create(ListDeadLettersRequestSchema, {}))
      if (isRefusal(events) || isRefusal(letters)) throw new Error("refused")
      expect(new Set([...events.events, ...letters.deadLetters].map(({ applicationId }) => applicationId))).toEqual(
        new Set([applicationOf(2)]),
      )
    })

    test("a delivery is answered with its attempts, and its event with its payload", async () => {
      const sample = SAMPLES[2]!
      const delivery = await under.store.getDelivery({ applicationId: applicationOf(1) }, deliveryOf(sample))
      expect(delivery).toMatchObject({
        state: DeliveryState.DEAD,
        attemptCount: 2,
        lastStatusCode: 410,
        reason: "retries_exhausted",
        eventId: eventOf(3),
      })
      expect(delivery?.nextAttemptAt).toBeUndefined()
      expect(timestampMs(delivery!.finishedAt!)).toBe(sample.createdAtMs! + 2000)
      expect(delivery?.attempts.map(({ number, statusCode, response }) => [number, statusCode, response?.body])).toEqual([
        [1, 0, undefined],
        [2, 410, "answer "],
      ])
      expect(delivery?.attempts[1]?.phasesMs).toMatchObject({ dns: 1, connect: 2, tls: 3, firstByte: 4, total: 10.5 })
      const event = await under.store.getEvent(EVERY, eventOf(3))
      const payload = await under.store.getPayload(EVERY, eventOf(3))
      expect(payload).toMatchObject({ contentType: "application/json" })
      expect(event?.sizeBytes).toBe(payload?.data.length)
      expect(ids(await under.store.deliveriesOfEvent(EVERY, eventOf(3)))).toEqual([delivery?.id])
    })

    test("what a cancellation does not know of the last attempt stays", async () => {
      const cancelled = SAMPLES.find(({ end }) => end === "cancelled")!
      expect(await under.store.getDelivery(EVERY, deliveryOf(cancelled))).toMatchObject({
        state: DeliveryState.CANCELLED,
        lastStatusCode: 500,
        lastError: "failed ",
        reason: "subscription_deleted",
        attemptCount: 1,
      })
    })

    test("dead letters say where the log has them", async () => {
      const answer = await under.store.listDeadLetters(EVERY, create(ListDeadLettersRequestSchema, { subscriptionId: subscriptionOf(3) }))
      if (isRefusal(answer)) throw new Error("refused")
      expect(answer.deadLetters.length).toBeGreaterThan(0)
      for (const letter of answer.deadLetters)
        expect(letter).toMatchObject({ statusCode: 410, attemptCount: 2, position: expect.stringMatching(/^dead-letters\/\d+\/\d+$/) })
    })

    test("every row is on exactly one page while newer rows come in", async () => {
      const seen: string[] = []
      let pageToken = ""
      let added = 100
      do {
        const page = await deliveries(EVERY, { pageSize: 7, pageToken, until: timestampFromMs(NOON_MS + 400_000_000) })
        seen.push(...ids(page.deliveries))
        pageToken = page.nextPageToken
        const sample: SampleEvent = {
          number: ++added,
          application: 1,
          subscription: 9,
          statuses: [],
          end: "none",
          createdAtMs: NOON_MS + 300_000_000,
        }
        const records = recordsOf(messagesOf(sample)).map((record) => ({ ...record, offset: 10_000 + added }))
        expect(await projectRecords(under.store, records)).toBe("done")
      } while (pageToken !== "")
      expect(seen).toEqual(expected(() => true))
    })

    test.each(["x", "AAAA", Buffer.from("1.' or true --").toString("base64url"), "9".repeat(400)])(
      "a page token that is none is refused: %s",
      async (pageToken) => {
        for (const answer of [
          await under.store.listEvents(EVERY, create(ListEventsRequestSchema, { pageToken })),
          await under.store.listDeliveries(EVERY, create(ListDeliveriesRequestSchema, { pageToken })),
          await under.store.listDeadLetters(EVERY, create(ListDeadLettersRequestSchema, { pageToken })),
        ]) {
          expect(answer).toMatchObject({ code: "invalid_argument", details: [{ field: "page_token" }] })
        }
      },
    )
  })
}
