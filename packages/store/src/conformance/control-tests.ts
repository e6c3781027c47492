import { create, type MessageInitShape } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import { deliveryIn, isRefusal } from "@posthorn/core"
import {
  AttemptRecordSchema,
  BreakerState,
  DeadLetterFilterSchema,
  DeadLetterReason,
  DeadLetterRecordSchema,
  DeadLetterState,
  DeliveryState,
  ErrorClass,
  ListDeadLettersRequestSchema,
  Outcome,
} from "@posthorn/proto"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { DeadLetterPlace } from "../status-store.ts"
import { projectRecords } from "./project-records.ts"
import {
  applicationOf,
  controlOf,
  deliveryOf,
  eventOf,
  messagesOf,
  NOON_MS,
  recordsOf,
  subscriptionOf,
  TASK,
  type Message,
  type SampleEvent,
} from "./sample-history.ts"
import type { StoreFixture, StoreUnderTest } from "./store-fixture.ts"

/** Thirty dead letters, three of each millisecond, every fate among them. */
const SAMPLES = Array.from({ length: 30 }, (_, index): SampleEvent => {
  const fates = [[], [], ["redriven"], ["discarded"], ["discarded", "retried"]] as const
  return {
    number: index + 1,
    application: index % 4 === 0 ? 2 : 1,
    subscription: 1 + (index % 3),
    type: index % 2 === 0 ? "user.made" : "order.created",
    statuses: [index % 6 === 0 ? 404 : 503],
    end: "dead",
    diedAtMs: NOON_MS + Math.floor(index / 3),
    fate: fates[index % fates.length] ?? [],
  }
})
const fateOf = ({ fate = [] }: SampleEvent): DeadLetterState => {
  if (fate.includes("retried") || fate.includes("redriven")) return DeadLetterState.REDRIVEN
  return fate.includes("discarded") ? DeadLetterState.DISCARDED : DeadLetterState.OPEN
}
const isOpen = (sample: SampleEvent): boolean => fateOf(sample) === DeadLetterState.OPEN

const poison: Message = {
  topic: "dead-letters",
  partition: 0,
  message: create(DeadLetterRecordSchema, {
    reason: DeadLetterReason.POISON,
    deadAt: timestampFromMs(NOON_MS),
    content: { case: "poison", value: { topic: "events", offset: 7n } },
  }),
}

export function controlTests(fixture: () => StoreFixture): void {
  describe("control", () => {
    let under: StoreUnderTest
    beforeAll(async () => {
      under = await fixture().openEmpty()
      await projectRecords(under.store, recordsOf([...SAMPLES.flatMap(messagesOf), poison]))
    }, 60_000)
    afterAll(() => under.close())

    async function list(fields: object) {
      const answer = await under.store.listDeadLetters(
        "every application",
        create(ListDeadLettersRequestSchema, { ...fields, pageSize: 200 }),
      )
      if (isRefusal(answer)) throw new Error(answer.message)
      return answer.deadLetters
    }
    const ids = (samples: readonly SampleEvent[]) => samples.map(deliveryOf).toSorted()

    test.each<[string, MessageInitShape<typeof DeadLetterFilterSchema>, (sample: SampleEvent) => boolean]>([
      ["none", {}, () => true],
      ["application", { applicationId: applicationOf(2) }, ({ application }) => application === 2],
      ["subscription", { subscriptionId: subscriptionOf(2) }, ({ subscription }) => subscription === 2],
      ["event", { eventId: eventOf(2) }, ({ number }) => number === 2],
      ["delivery", { deliveryId: deliveryOf(SAMPLES[1]!) }, ({ number }) => number === 2],
      ["type", { type: "user.made" }, ({ type }) => type === "user.made"],
      ["reason", { reason: DeadLetterReason.EXHAUSTED }, () => true],
      ["another reason", { reason: DeadLetterReason.GONE }, () => false],
      ["error class", { errorClass: ErrorClass.STATUS }, () => true],
      ["another error class", { errorClass: ErrorClass.TIMEOUT }, () => false],
      ["status code", { statusCode: 404 }, ({ statuses }) => statuses[0] === 404],
      ["since", { since: timestampFromMs(NOON_MS + 4) }, ({ diedAtMs = 0 }) => diedAtMs >= NOON_MS + 4],
      ["until", { until: timestampFromMs(NOON_MS + 4) }, ({ diedAtMs = 0 }) => diedAtMs < NOON_MS + 4],
    ])("lists, counts and hands out the dead letters that are open and match: filter %s", async (_, fields, keep) => {
      const expected = ids(SAMPLES.filter((sample) => isOpen(sample) && keep(sample)))
      const listed = (await list(fields)).filter(({ reason }) => reason !== DeadLetterReason.POISON)
      expect(listed.map(({ deliveryId }) => deliveryId).toSorted()).toEqual(expected)
      const filter = create(DeadLetterFilterSchema, fields)
      expect(await under.store.countOpen(filter)).toBe(expected.length)
      const handedOut: string[] = []
      let after: DeadLetterPlace | undefined
      do {
        const page = await under.store.listOpen({ filter, diedBy: timestampFromMs(NOON_MS + 99), after, limit: 2 })
        handedOut.push(...page.map(({ delivery }) => delivery.deliveryId))
        after = page.at(-1)?.place
      } while (after !== undefined)
      expect(handedOut.toSorted()).toEqual(expected)
    })

    test("records that nobody could read are listed and never handed out", async () => {
      const filter = create(DeadLetterFilterSchema, { reason: DeadLetterReason.POISON })
      expect(await list({ reason: DeadLetterReason.POISON })).toHaveLength(1)
      expect(await under.store.countOpen(filter)).toBe(0)
      expect(await under.store.listOpen({ filter, diedBy: timestampFromMs(NOON_MS), after: undefined, limit: 9 })).toEqual([])
    })

    test("what died after a time is not handed out, and the oldest is first", async () => {
      const filter = create(DeadLetterFilterSchema, {})
      const page = await under.store.listOpen({ filter, diedBy: timestampFromMs(NOON_MS + 4), after: undefined, limit: 100 })
      const expected = SAMPLES.filter((sample) => isOpen(sample) && sample.diedAtMs! <= NOON_MS + 4)
      expect(page.map(({ delivery }) => delivery.deliveryId).toSorted()).toEqual(ids(expected))
      const times = page.map(({ place }) => place.diedAtMs)
      expect(times).toEqual(times.toSorted((a, b) => a - b))
    })

    test("a dead letter says what became of it, and a redrive outdoes a discard", async () => {
      for (const state of [DeadLetterState.REDRIVEN, DeadLetterState.DISCARDED]) {
        const found = await list({ state })
        expect(found.map(({ deliveryId }) => deliveryId).toSorted()).toEqual(ids(SAMPLES.filter((sample) => fateOf(sample) === state)))
        for (const letter of found) expect([letter.state, timestampMs(letter.settledAt!)]).toEqual([state, NOON_MS + 200_000])
      }
      for (const letter of await list({ state: DeadLetterState.DISCARDED }))
        expect(letter).toMatchObject({ discardReason: "seen", taskId: TASK })
      const byTask = SAMPLES.filter(({ fate }) => fate?.includes("redriven") || (fate?.includes("discarded") && fate.length === 1))
      expect(await under.store.countDone([TASK, "tsk_2", ""])).toEqual(new Map([[TASK, byTask.length]]))
    })

    test("what somebody asked for about a delivery is told once, what a task did is not", async () => {
      const fresh = await fixture().openEmpty()
      const sample: SampleEvent = { number: 1, application: 1, subscription: 1, statuses: [503], end: "dead", fate: ["retried"] }
      const task: SampleEvent = { ...sample, number: 2, fate: ["redriven"] }
      const asked = [controlOf(sample, "cancel"), controlOf(sample, "run"), controlOf(sample, "run")]
      await projectRecords(fresh.store, recordsOf([...messagesOf(sample), ...messagesOf(task), ...asked]))
      const audit = (await fresh.dump())["audit_log"]
      expect(audit?.map((row) => /delivery,(\w+),\w+,(\w+),(\d)/.exec(row)?.slice(1))).toEqual([
        [deliveryOf(sample), "cancelled", "1"],
        [deliveryOf(sample), "retried", "1"],
        [deliveryOf(sample), "retried", "2"],
      ])
      await fresh.close()
    })

    test("how an endpoint does is what the newest attempt says, whatever is read again", async () => {
      const fresh = await fixture().openEmpty()
      const sample: SampleEvent = { number: 1, application: 1, subscription: 1, statuses: [503, 503, 503], end: "none" }
      const records = recordsOf(messagesOf(sample))
      const subscriptions = [subscriptionOf(1), subscriptionOf(2)]
      const shown = async () =>
        [...(await fresh.store.healthOf(subscriptions))].map(([id, { state, consecutiveFailures: n }]) => [id, state, n])
      expect(await shown()).toEqual([])
      await projectRecords(fresh.store, records)
      expect(await shown()).toEqual([[subscriptionOf(1), BreakerState.OPEN, 3]])
      await fresh.forget("positions")
      await projectRecords(fresh.store, records.slice(0, 3))
      expect(await shown()).toEqual([[subscriptionOf(1), BreakerState.OPEN, 3]])
      await fresh.close()
    })

    test("another try of a delivery is made of its event and the first attempt of its round", async () => {
      const fresh = await fixture().openEmpty()
      const sample: SampleEvent = { number: 1, application: 1, subscription: 1, statuses: [503, 503], end: "dead", fate: ["retried"] }
      const messages = messagesOf(sample)
      const [, created] = messages
      if (created?.topic !== "attempts") throw new Error("a delivery was created")
      const delivery = deliveryIn(created.message)
      const secondRound = [3, 4].map((number): Message => {
        const startedAt = timestampFromMs(NOON_MS + number)
        const attempt = { id: `att_${number}`, number, outcome: Outcome.FAILED, startedAt, finishedAt: startedAt }
        const value = { delivery, round: 2, attempt, state: DeliveryState.RETRYING }
        const record = { case: "finished", value } as never
        return { topic: "attempts", partition: created.partition, message: create(AttemptRecordSchema, { record }) }
      })
      const records = recordsOf([...messages, ...secondRound])
      const redelivery = (applicationId: string) => fresh.store.getRedelivery({ applicationId }, deliveryOf(sample))
      await projectRecords(fresh.store, records.slice(1, -2))
      expect(await redelivery(applicationOf(1))).toBeUndefined()
      await projectRecords(fresh.store, records.slice(0, 1))
      const [event] = records
      expect(await redelivery(applicationOf(1))).toMatchObject({
        delivery: { round: 2, attemptCount: 2, state: DeliveryState.SCHEDULED },
        event: event?.message,
        place: { partition: event?.partition, offset: event?.offset },
        roundFirst: undefined,
      })
      await projectRecords(fresh.store, records.slice(-2))
      const found = await redelivery(applicationOf(1))
      expect([found?.delivery.attemptCount, found?.roundFirst?.number, timestampMs(found!.roundFirst!.startedAt!)]).toEqual([
        4,
        3,
        NOON_MS + 3,
      ])
      expect(await redelivery(applicationOf(2))).toBeUndefined()
      await fresh.close()
    })

    test("the position of each partition is told, of what has been projected", async () => {
      const records = recordsOf(SAMPLES.flatMap(messagesOf)).filter(({ topic }) => topic === "attempts")
      const ends = new Map(records.map(({ partition, offset }) => [partition, offset + 1]))
      expect(await under.store.projectedTo("attempts")).toEqual(ends)
      expect(await under.store.projectedTo("retry.5s")).toEqual(new Map())
    })
  })
}
