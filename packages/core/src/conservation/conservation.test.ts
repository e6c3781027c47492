import { create } from "@bufbuild/protobuf"
import { DeliveryDueSchema, ParkedRecordSchema } from "@posthorn/proto"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { balanceOf } from "./balance.ts"
import type { LogPlace } from "./finding.ts"
import { judgeHoles, judgeOverdue, judgeUnburied, type SuspectDelivery } from "./judge-delivery.ts"
import { judgeEvent, type SuspectEvent } from "./judge-event.ts"
import { TrySearch } from "./try-search.ts"

const at = (topic: LogPlace["topic"], offset: number, partition = 0): LogPlace => ({ topic, partition, offset })
const suspect = (number: number, more: Partial<SuspectDelivery> = {}): SuspectDelivery => ({
  applicationId: "app_1",
  eventId: `evt_${number}`,
  deliveryId: `dlv_${number}`,
  subscriptionId: "sub_1",
  acceptedAtMs: 0,
  round: 1,
  attemptCount: 2,
  dueAtMs: 1000,
  sequence: 7,
  place: at("attempts", number),
  ...more,
})
const dueOf = ({ deliveryId, round }: SuspectDelivery, attempt: number) => create(DeliveryDueSchema, { deliveryId, round, attempt })

describe("an event", () => {
  const event = fc.record({
    applicationId: fc.constant("app_1"),
    eventId: fc.constant("evt_1"),
    acceptedAtMs: fc.nat(),
    place: fc.record({ topic: fc.constant("events" as const), partition: fc.nat({ max: 2 }), offset: fc.nat({ max: 10 }) }),
    deliveries: fc.nat({ max: 3 }),
    matched: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  })

  test("is lost when the router has passed it and it has too few deliveries, and only then", () => {
    fc.assert(
      fc.property(event, fc.nat({ max: 11 }), (each: SuspectEvent, routed) => {
        const finding = judgeEvent(each, () => routed)
        const passed = each.place.offset < routed
        const kind = each.deliveries === 0 ? "not_routed" : each.deliveries < (each.matched ?? 0) ? "delivery_missing" : undefined
        expect(finding?.kind).toBe(passed ? kind : undefined)
        if (finding) expect(finding).toMatchObject({ eventId: "evt_1", deliveryId: "", place: each.place })
      }),
    )
  })
})

describe("a delivery", () => {
  test("that waits too long is lost when nothing in the log carries it on, late when something does, and neither when not all was read", () => {
    expect(judgeOverdue(suspect(1), { kind: "nowhere" })).toMatchObject({
      kind: "lost",
      finding: { kind: "try_lost", deliveryId: "dlv_1", place: at("attempts", 1), reason: expect.stringContaining("Attempt 3") },
    })
    for (const topic of ["deliveries", "retry.1m", "parked", "control"] as const)
      expect(judgeOverdue(suspect(1), { kind: "found", place: at(topic, 5, 2) })).toMatchObject({
        kind: "late",
        late: { place: at(topic, 5, 2), reason: expect.stringContaining(`${topic}/2/5`) },
      })
    expect(judgeOverdue(suspect(1), { kind: "not searched" })).toEqual({ kind: "open" })
  })

  test("that is dead without a letter is a finding only when nobody will write the letter", () => {
    expect(judgeUnburied(suspect(1), { kind: "nowhere" })).toMatchObject({ kind: "dead_without_letter" })
    expect(judgeUnburied(suspect(1), { kind: "found", place: at("deliveries", 1) })).toBeUndefined()
    expect(judgeUnburied(suspect(1), { kind: "not searched" })).toBeUndefined()
    expect(judgeHoles(suspect(1), 1)).toMatchObject({ kind: "attempts_with_holes", reason: expect.stringContaining("counts 2") })
  })
})

describe("a search", () => {
  test("knows a delivery by the try that it waits for, or by the one that ended last, and by no other", () => {
    const one = suspect(1)
    for (const [attempt, isFound] of [
      [1, false],
      [2, true],
      [3, true],
      [4, false],
    ] as const) {
      const search = new TrySearch([one])
      search.due(dueOf(one, attempt), at("deliveries", 1))
      expect(search.of(one)).toEqual(isFound ? { kind: "found", place: at("deliveries", 1) } : { kind: "nowhere" })
    }
  })

  test("finds what is parked unless it was released since, whatever else is parked and released", () => {
    const entry = fc.oneof(
      fc.record({ kind: fc.constant("due" as const), number: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ kind: fc.constant("released" as const), before: fc.nat({ max: 12 }), own: fc.boolean() }),
    )
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 12 }), (entries) => {
        const suspects = [suspect(1), suspect(2), suspect(3)]
        const search = new TrySearch(suspects)
        const parked = new Map<number, number>()
        for (const [offset, each] of entries.entries()) {
          if (each.kind === "due") {
            parked.set(each.number, offset)
            const value = dueOf(suspect(each.number), 3)
            search.parked(create(ParkedRecordSchema, { record: { case: "due", value } }), at("parked", offset))
          } else {
            if (each.own) for (const [number, place] of parked) if (place < each.before) parked.delete(number)
            const value = { subscriptionId: each.own ? "sub_1" : "sub_2", before: BigInt(each.before) }
            search.parked(create(ParkedRecordSchema, { record: { case: "released", value } }), at("parked", offset))
          }
        }
        for (const [index, each] of suspects.entries()) expect(search.of(each).kind).toBe(parked.has(index + 1) ? "found" : "nowhere")
      }),
    )
  })

  test("says nothing of what it could not read to the end, unless it was found", () => {
    const [found, open] = [suspect(1), suspect(2)]
    const search = new TrySearch([found, open])
    search.due(dueOf(found, 3), at("deliveries", 1))
    expect([search.knows([found]), search.knows([found, open])]).toEqual([true, false])
    for (const each of [found, open]) search.leave(each)
    expect([search.of(found).kind, search.of(open).kind]).toEqual(["found", "not searched"])
  })
})

test("every accepted event is in exactly one place", () => {
  const count = fc.nat({ max: 1000 })
  const counts = fc.record({ unmatched: count, unrouted: count, missing: count, waiting: count, lost: count, ended: count })
  fc.assert(
    fc.property(counts, ({ ended, ...each }) => {
      const accepted = each.unmatched + each.unrouted + each.missing + each.waiting + ended
      const { accepted: whole, ...parts } = balanceOf({ accepted, ...each })
      expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBe(whole)
      expect(Object.values(parts).every((part) => part >= 0)).toBe(true)
      expect(parts.finished).toBe(ended)
    }),
  )
})
