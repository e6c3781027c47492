import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { isRefusal, partitionOf, type LogPlace, type ProjectedRecord } from "@posthorn/core"
import { AttemptRecordSchema, GetConservationRequestSchema, type ConservationHour } from "@posthorn/proto"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { StatusStore, Tenancy } from "../status-store.ts"
import { projectRecords } from "./project-records.ts"
import {
  applicationOf,
  deliveryOf,
  eventOf,
  messagesOf,
  NOON_MS,
  PARTITIONS,
  recordsOf,
  subscriptionOf,
  type Message,
  type SampleEvent,
} from "./sample-history.ts"
import type { StoreFixture } from "./store-fixture.ts"

const HOUR_MS = 3600 * 1000
const LATER_MS = NOON_MS + HOUR_MS
/** The router has passed everything. */
const ROUTED: readonly LogPlace[] = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: "events", partition, offset: 1000 }))

const sampleOf = (number: number, fields: Partial<SampleEvent> = {}): SampleEvent => ({
  number,
  application: 1,
  subscription: 1,
  statuses: [200],
  end: "none",
  ...fields,
})

/** The same history, with what the router says of how many subscriptions matched. */
function matching(sample: SampleEvent, matched: number): Message[] {
  return messagesOf(sample).map((message) => {
    if (message.topic !== "attempts" || message.message.record.case !== "created") return message
    const record = { case: "created" as const, value: { ...message.message.record.value, matched } }
    return { ...message, message: create(AttemptRecordSchema, { record }) }
  })
}

/** An event that nobody takes: itself, and what the router says of it. */
function unmatched(number: number): readonly [Message, Message] {
  const [event] = messagesOf(sampleOf(number))
  if (event?.topic !== "events") throw new Error("an event comes first")
  const { eventId, applicationId, type: eventType, acceptedAt } = event.message
  const value = { eventId, applicationId, eventType, ...(acceptedAt ? { acceptedAt } : {}), routedAt: timestampFromMs(LATER_MS) }
  const partition = partitionOf(`${applicationId}/${eventId}`, PARTITIONS)
  return [event, { topic: "attempts", partition, message: create(AttemptRecordSchema, { record: { case: "unmatched", value } }) }]
}

async function look(store: StatusStore) {
  const hours = await store.openHours({ beganBeforeMs: LATER_MS, nowMs: LATER_MS })
  const suspects = []
  for (const hourMs of hours) {
    suspects.push(await store.lookAt({ hourMs, nowMs: LATER_MS, routed: ROUTED }))
    await store.closeLook(hourMs, [], LATER_MS)
  }
  await store.closeCheck(LATER_MS)
  return { hours, suspects }
}

async function read(store: StatusStore, tenancy: Tenancy = "every application", more: object = {}): Promise<readonly ConservationHour[]> {
  const answer = await store.getConservation(tenancy, create(GetConservationRequestSchema, more))
  if (isRefusal(answer)) throw new Error(answer.message)
  return answer.hours
}

export function conservationTests(fixture: () => StoreFixture): void {
  describe("conservation", () => {
    test("what the router says of an event and the event itself come together, in whatever order and batches they are read", async () => {
      const records = recordsOf([
        ...unmatched(1),
        ...unmatched(2),
        ...matching(sampleOf(3), 2),
        ...matching(sampleOf(3, { subscription: 2 }), 2).slice(1),
      ])
      const orders = fc.shuffledSubarray(
        records.map((_, index) => index),
        { minLength: records.length },
      )
      await fc.assert(
        fc.asyncProperty(orders, fc.integer({ min: 1, max: records.length }), async (order, size) => {
          const under = await fixture().openEmpty()
          const shuffled = inPartitionOrder(order.map((index) => records[index]!))
          for (let from = 0; from < shuffled.length; from += size) await projectRecords(under.store, shuffled.slice(from, from + size))
          const { suspects } = await look(under.store)
          expect(suspects).toEqual([{ events: [], unburied: [], holes: [] }])
          expect(await read(under.store)).toMatchObject([{ accepted: 3n, unmatched: 2n, finished: 1n, missing: 0n, settled: true }])
          await under.close()
        }),
        { numRuns: 6 },
      )
    })

    test("events that the router passed without a word, or with fewer deliveries than it matched, are suspect; those before it wait", async () => {
      const under = await fixture().openEmpty()
      const [silent] = messagesOf(sampleOf(1))
      const records = recordsOf([silent!, ...matching(sampleOf(2), 2)])
      await projectRecords(under.store, records)
      const [hour] = await under.store.openHours({ beganBeforeMs: LATER_MS, nowMs: LATER_MS })
      const events = async (routed: readonly LogPlace[]) => (await under.store.lookAt({ hourMs: hour!, nowMs: LATER_MS, routed })).events
      expect(await events([])).toEqual([])
      expect(await read(under.store)).toMatchObject([{ accepted: 2n, notRoutedYet: 2n }])
      const found = await events(ROUTED)
      expect(found.map(({ eventId, deliveries, matched }) => [eventId, deliveries, matched])).toEqual([
        [eventOf(1), 0, undefined],
        [eventOf(2), 1, 2],
      ])
      const at = (number: number) => records.find(({ topic, message }) => topic === "events" && message.eventId === eventOf(number))
      for (const { eventId, place } of found) {
        const { partition, offset } = at(eventId === eventOf(1) ? 1 : 2)!
        expect(place).toEqual({ topic: "events", partition, offset })
      }
      await under.close()
    })

    test("an hour that balances is not looked at again until something is added to it; what goes on waiting is counted all the same", async () => {
      const under = await fixture().openEmpty()
      const records = recordsOf([
        ...matching(sampleOf(1), 1),
        ...matching(sampleOf(2, { statuses: [503, 200] }), 1),
        ...matching(sampleOf(3), 1),
      ])
      const deliveredAt = records.findIndex(
        ({ topic, message }) => topic === "attempts" && message.record.case === "finished" && message.record.value.attempt?.number === 2,
      )
      await projectRecords(under.store, records.slice(0, deliveredAt))
      expect((await look(under.store)).hours).toHaveLength(1)
      expect(await read(under.store)).toMatchObject([{ accepted: 2n, finished: 1n, onTheirWay: 1n, settled: false }])
      expect((await look(under.store)).hours).toEqual([])
      await projectRecords(under.store, records.slice(deliveredAt, deliveredAt + 1))
      expect((await look(under.store)).hours).toEqual([])
      expect(await read(under.store)).toMatchObject([{ finished: 2n, onTheirWay: 0n }])
      // Nothing waits any more: a last look.
      expect((await look(under.store)).hours).toHaveLength(1)
      expect((await look(under.store)).hours).toEqual([])
      expect(await read(under.store)).toMatchObject([{ accepted: 2n, finished: 2n, deliveries: { delivered: 2n }, settled: true }])
      await projectRecords(under.store, records.slice(deliveredAt + 1))
      expect((await look(under.store)).hours).toHaveLength(1)
      expect(await read(under.store)).toMatchObject([{ accepted: 3n, finished: 3n, settled: true }])
      await under.close()
    })

    test("an hour that something is added to while it is looked at is looked at again", async () => {
      const under = await fixture().openEmpty()
      const records = recordsOf([...matching(sampleOf(1), 1), ...matching(sampleOf(2), 1)])
      await projectRecords(under.store, records.slice(0, 3))
      const [hourMs] = await under.store.openHours({ beganBeforeMs: LATER_MS, nowMs: LATER_MS })
      await under.store.lookAt({ hourMs: hourMs!, nowMs: LATER_MS, routed: ROUTED })
      await projectRecords(under.store, records.slice(3))
      await under.store.closeLook(hourMs!, [], LATER_MS)
      expect((await look(under.store)).hours).toEqual([hourMs])
      expect(await read(under.store)).toMatchObject([{ accepted: 2n, settled: true }])
      await under.close()
    })

    test("what is overdue is found unless its subscription's breaker explains it, and is no finding once it has moved on", async () => {
      const under = await fixture().openEmpty()
      const waiting = sampleOf(1, { statuses: [503] })
      const broken = sampleOf(2, { statuses: [503, 503, 503], subscription: 2 })
      const records = recordsOf([...matching(waiting, 1), ...matching(broken, 1)])
      await projectRecords(under.store, records)
      await look(under.store)
      const ask = (dueBeforeMs: number, after?: { dueAtMs: number; deliveryId: string }) =>
        under.store.overdue({ dueBeforeMs, nowMs: LATER_MS, after })
      const [suspect, ...others] = await ask(LATER_MS)
      expect(others).toEqual([])
      expect(suspect).toMatchObject({ deliveryId: deliveryOf(waiting), subscriptionId: subscriptionOf(1), attemptCount: 1, round: 1 })
      expect(suspect?.place).toMatchObject({ topic: "attempts", partition: partitionOf(subscriptionOf(1), PARTITIONS) })
      expect(await ask(suspect!.dueAtMs!)).toEqual([])
      expect(await ask(LATER_MS, { dueAtMs: suspect!.dueAtMs!, deliveryId: suspect!.deliveryId })).toEqual([])
      expect(await under.store.unmoved([suspect!])).toEqual([suspect])
      const { applicationId, eventId, deliveryId, subscriptionId, acceptedAtMs, place, sequence } = suspect!
      const about = { applicationId, eventId, deliveryId, subscriptionId, acceptedAtMs, reason: "gone" }
      const lost = { finding: { ...about, kind: "try_lost" as const, place }, sequence, appendedAtMs: NOON_MS }
      const late = { late: { ...about, place: { topic: "deliveries" as const, partition: 0, offset: 1 } }, sequence }
      const fresh = await under.store.closeSearch([lost], [], LATER_MS)
      expect(fresh).toEqual([lost.finding])
      expect(await under.store.closeSearch([lost], [], LATER_MS)).toEqual([])
      expect(await read(under.store)).toMatchObject([{ accepted: 2n, onTheirWay: 1n, missing: 1n, findingCount: 1n, late: [] }])
      await under.store.closeSearch([], [late], LATER_MS)
      expect(await read(under.store)).toMatchObject([{ onTheirWay: 2n, missing: 0n, findings: [], late: [{ deliveryId }] }])
      await under.store.closeSearch([lost], [], LATER_MS)
      await projectRecords(
        under.store,
        recordsOf(matching(sampleOf(1, { statuses: [503, 200] }), 1))
          .slice(-1)
          .map((record) => ({ ...record, offset: 900 })),
      )
      expect(await under.store.unmoved([suspect!])).toEqual([])
      await under.store.closeCheck(LATER_MS)
      expect((await read(under.store))[0]).toMatchObject({ findings: [], late: [] })
      await under.close()
    })

    test("days that are let go keep what was counted, and nothing of them is found missing", async () => {
      const under = await fixture().openEmpty()
      await projectRecords(under.store, recordsOf([...matching(sampleOf(1), 1), ...matching(sampleOf(2, { statuses: [503] }), 1)]))
      await look(under.store)
      const nowMs = NOON_MS + 9 * 24 * HOUR_MS
      await under.store.retain({ nowMs, retentionHours: 1 })
      expect(await under.store.openHours({ beganBeforeMs: nowMs, nowMs })).not.toContain(NOON_MS)
      expect((await read(under.store))[0]).toMatchObject({ accepted: 2n, finished: 1n, onTheirWay: 1n })
      await under.close()
    })

    test("hours are read by application, newest first, a page at a time; what belongs to another one is not there", async () => {
      const under = await fixture().openEmpty()
      const samples = [1, 2, 3].map((hours) => sampleOf(hours, { createdAtMs: NOON_MS - hours * HOUR_MS }))
      const foreign = sampleOf(4, { application: 2, subscription: 3 })
      await projectRecords(under.store, recordsOf([...samples, foreign].flatMap((sample) => matching(sample, 1))))
      await look(under.store)
      const own = { applicationId: applicationOf(1) }
      const request = (more: object) => create(GetConservationRequestSchema, { pageSize: 2, ...more })
      const first = await under.store.getConservation(own, request({}))
      const second = !isRefusal(first) && (await under.store.getConservation(own, request({ pageToken: first.nextPageToken })))
      const hoursOf = (answer: typeof first | false) =>
        answer && !isRefusal(answer) ? answer.hours.map(({ applicationId, hour }) => [applicationId, Number(hour?.seconds) * 1000]) : []
      expect([...hoursOf(first), ...hoursOf(second)]).toEqual([1, 2, 3].map((hours) => [applicationOf(1), NOON_MS - hours * HOUR_MS]))
      expect(await read(under.store, { applicationId: applicationOf(2) })).toHaveLength(1)
      expect(await read(under.store)).toHaveLength(4)
      const since = timestampFromMs(NOON_MS - 2 * HOUR_MS)
      expect(await read(under.store, own, { since, until: timestampFromMs(NOON_MS - HOUR_MS) })).toHaveLength(1)
      expect(await read(under.store, own, { onlyFindings: true })).toEqual([])
      await under.close()
    })
  })
}

/** The same order of partitions, with each partition's records in order of offset. */
function inPartitionOrder(records: readonly ProjectedRecord[]): ProjectedRecord[] {
  const byPartition = Map.groupBy(records, ({ topic, partition }) => `${topic}/${partition}`)
  for (const each of byPartition.values()) each.sort((a, b) => a.offset - b.offset)
  return records.map(({ topic, partition }) => byPartition.get(`${topic}/${partition}`)!.shift()!)
}
