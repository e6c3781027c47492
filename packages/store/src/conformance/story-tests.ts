import { create } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import { limits } from "@posthorn/core"
import { DeadLetterState, DeliveryState, NextAttemptReason, type Delivery, DeliverySchema } from "@posthorn/proto"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { projectRecords } from "./project-records.ts"
import {
  applicationChange,
  applicationOf,
  controlOf,
  deletion,
  deliveryOf,
  eventOf,
  messagesOf,
  NOON_MS,
  recordsOf,
  subscriptionChange,
  subscriptionOf,
  type Message,
  type SampleEvent,
} from "./sample-history.ts"
import type { StoreFixture, StoreUnderTest } from "./store-fixture.ts"

const LONG = "x".repeat(3000)
const TENANCY = { applicationId: applicationOf(1) }
const sample = (number: number, more: Partial<SampleEvent> = {}): SampleEvent => ({
  number,
  application: 1,
  subscription: number,
  statuses: [],
  end: "none",
  ...more,
})
const MANY = sample(1, { statuses: [503, 500, 0, 429, 500, 404, 503], text: LONG })
const DEAD = sample(2, { statuses: [500], end: "dead" })
const REDRIVEN = sample(3, { statuses: [500], end: "dead", fate: ["redriven"] })
const RETRIED = sample(4, { statuses: [500], end: "dead", fate: ["retried"] })
const HASTENED = sample(5, { statuses: [] })
const FRESH = sample(6, { statuses: [] })

export function storyTests(fixture: () => StoreFixture): void {
  describe("story", () => {
    let under: StoreUnderTest
    beforeAll(async () => {
      under = await fixture().openEmpty()
      const samples = [MANY, DEAD, REDRIVEN, RETRIED, HASTENED, FRESH]
      await projectRecords(under.store, recordsOf([...samples.flatMap(messagesOf), controlOf(HASTENED, "run")]))
    }, 60_000)
    afterAll(() => under.close())

    const read = async (of: SampleEvent): Promise<Delivery> => {
      const [delivery] = await under.store.deliveriesOfEvent(TENANCY, eventOf(of.number))
      return delivery!
    }

    test("the last attempts of each delivery are read at once, oldest first, with the beginning of what was answered", async () => {
      const deliveries = [await read(MANY), await read(DEAD), await read(FRESH)]
      const found = await under.store.lastAttemptsOf(deliveries)
      expect([...found.keys()].toSorted()).toEqual([deliveryOf(MANY), deliveryOf(DEAD)].toSorted())
      const last = found.get(deliveryOf(MANY)) ?? []
      expect(last.map(({ number, statusCode }) => [number, statusCode])).toEqual([
        [3, 0],
        [4, 429],
        [5, 500],
        [6, 404],
        [7, 503],
      ])
      expect(last.map(({ response }) => response?.body.length)).toEqual([undefined, ...Array.from({ length: 4 }, () => 1024)])
      expect(last.at(-1)).toMatchObject({ response: { truncated: true }, phasesMs: { total: 10.5 }, request: { method: "POST" } })
      expect(found.get(deliveryOf(DEAD))).toMatchObject([{ number: 1, response: { truncated: false, body: "answer " } }])
      expect(last).toHaveLength(limits.STORY_ATTEMPTS_MAX)
      expect(await under.store.lastAttemptsOf([])).toEqual(new Map())
    })

    test("what decided about the next attempt is kept with the delivery, until something else does", async () => {
      const delivery = sample(7, { statuses: [503, 429] })
      const messages = messagesOf(delivery)
      const asked = { nextAttemptReason: NextAttemptReason.RETRY_AFTER, retryNumber: 2 }
      const last = messages.at(-1)
      if (last?.topic !== "attempts" || last.message.record.case !== "finished") throw new Error("an attempt comes last")
      Object.assign(last.message.record.value, asked)
      await projectRecords(under.store, later(messages))
      expect(await read(delivery)).toMatchObject({ nextAttempt: { reason: NextAttemptReason.RETRY_AFTER, retryNumber: 2 } })
      expect((await under.store.getDelivery(TENANCY, deliveryOf(delivery)))?.nextAttempt?.retryNumber).toBe(2)
      const again = messagesOf({ ...delivery, fate: ["retried"] }).slice(-1)
      await projectRecords(under.store, later(again, 100))
      const requeued = await read(delivery)
      expect([requeued.state, requeued.nextAttempt]).toEqual([DeliveryState.SCHEDULED, undefined])
    })

    test("a round is told with its dead letter, and with when somebody asked for it to go on", async () => {
      const deliveries = await Promise.all([DEAD, REDRIVEN, RETRIED, HASTENED, FRESH].map(read))
      const fates = await under.store.fatesOf(deliveries)
      const told = [DEAD, REDRIVEN, RETRIED, HASTENED, FRESH].map((of) => {
        const { deadLetter, retriedAt } = fates.get(deliveryOf(of))!
        return [deadLetter?.state, retriedAt && timestampMs(retriedAt)]
      })
      expect(told).toEqual([
        [DeadLetterState.OPEN, undefined],
        // Of the round before: this one has none.
        [undefined, undefined],
        [undefined, NOON_MS + 200_000],
        [undefined, NOON_MS],
        [undefined, undefined],
      ])
      expect(fates.get(deliveryOf(DEAD))?.deadLetter).toMatchObject({
        position: expect.stringMatching(/^dead-letters\/\d+\/\d+$/),
        diedAt: timestampFromMs(NOON_MS + DEAD.number),
      })
      const before = create(DeliverySchema, { ...deliveries[1]!, round: 1 })
      expect((await under.store.fatesOf([before])).get(before.id)?.deadLetter?.state).toBe(DeadLetterState.REDRIVEN)
      expect(await under.store.fatesOf([])).toEqual(new Map())
    })
  })

  describe("history of subscriptions", () => {
    let under: StoreUnderTest
    beforeAll(async () => {
      under = await fixture().openEmpty()
    }, 60_000)
    afterAll(() => under.close())

    const change = (subscription: number, version: number, more: object): Message => {
      const message = subscriptionChange({ subscription, application: 1 }, version)
      if (message.topic !== "config" || message.message.state.case !== "subscription") throw new Error("a change of a subscription")
      Object.assign(message.message.state.value.subscription!, more)
      return message
    }

    test("a subscription is told as it was at the event, with its next changes, whoever changed what else", async () => {
      const filter = { data: { amount: { $gte: 100 } } }
      const changes: Message[] = [
        applicationChange(1, 0),
        change(1, 0, { enabled: true, eventTypes: ["order.*"], filter }),
        change(2, 0, { enabled: false }),
        change(3, 0, {}),
        // Here the event is taken in.
        change(1, 1, { enabled: false }),
        ...[2, 3, 4, 5, 6].map((version) => change(1, version, { eventTypes: [`v${version}`] })),
        deletion(subscriptionOf(3), 1),
        change(4, 0, { eventTypes: ["user.*"] }),
        change(5, 0, {}),
        deletion(subscriptionOf(5), 1),
      ]
      const records = recordsOf(changes)
      const position = records[4]!.offset
      const event = messagesOf(sample(1))[0]!
      if (event.topic !== "events") throw new Error("an event comes first")
      event.message.configPosition = BigInt(position)
      await projectRecords(under.store, [...records, ...recordsOf([event])])
      const query = { ...TENANCY, eventId: eventOf(1), changedSince: [1, 2, 4].map(subscriptionOf) }
      const found = await under.store.historyOf(query)
      expect(found?.more).toBe(false)
      const byId = new Map(found?.histories.map((each) => [each.subscriptionId, each]))
      const settings = { url: "https://example.org/", filter: undefined }
      expect(byId.get(subscriptionOf(1))).toEqual({
        subscriptionId: subscriptionOf(1),
        was: { ...settings, enabled: true, eventTypes: ["order.*"], filter },
        became: [
          { ...settings, enabled: false, eventTypes: ["order.*"] },
          ...[2, 3, 4].map((version) => ({ ...settings, enabled: true, eventTypes: [`v${version}`] })),
        ],
        deletedAt: undefined,
      })
      expect(byId.get(subscriptionOf(2))).toMatchObject({ was: { enabled: false }, became: [] })
      expect(byId.get(subscriptionOf(3))).toMatchObject({ became: ["not there"], deletedAt: timestampFromMs(NOON_MS) })
      expect(byId.get(subscriptionOf(4))).toMatchObject({ was: "not there", became: [{ eventTypes: ["user.*"] }] })
      expect(byId.get(subscriptionOf(5))).toMatchObject({ was: "not there", became: [{}, "not there"] })
      expect(await under.store.historyOf({ ...query, applicationId: applicationOf(2) })).toBeUndefined()
      const ahead = messagesOf(sample(2))[0]!
      if (ahead.topic !== "events") throw new Error("an event comes first")
      ahead.message.configPosition = BigInt(records.at(-1)!.offset + 2)
      await projectRecords(under.store, later([ahead]))
      expect(await under.store.historyOf({ ...query, eventId: eventOf(2) })).toBeUndefined()
    })

    test("without a place in the order of changes nothing is told of the past, and of more than the bound no more than that", async () => {
      const [event] = messagesOf(sample(9))
      await projectRecords(under.store, later([event!], 100))
      expect(await under.store.historyOf({ ...TENANCY, eventId: eventOf(9), changedSince: [] })).toBeUndefined()
      const many = Array.from({ length: limits.HISTORY_SUBSCRIPTIONS_MAX + 1 }, (_, index) => subscriptionOf(1000 + index))
      const found = await under.store.historyOf({ ...TENANCY, eventId: eventOf(1), changedSince: many })
      expect(found).toMatchObject({ more: true, histories: { length: limits.HISTORY_SUBSCRIPTIONS_MAX } })
      expect(new Set(found?.histories.map(({ was }) => was))).toEqual(new Set(["not known"]))
    })
  })
}

/** Behind what the log holds already. */
const later = (messages: readonly Message[], by = 0) =>
  recordsOf(messages).map((record) => ({ ...record, offset: 10_000 + by + record.offset }))
