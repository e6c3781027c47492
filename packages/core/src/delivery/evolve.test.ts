import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import {
  AttemptRecordSchema,
  AttemptSchema,
  DeliveryCreatedSchema,
  DeliveryDueSchema,
  DeliveryState,
  ErrorClass,
  EventAcceptedSchema,
  RetryPolicySchema,
  type AttemptRecord,
} from "@posthorn/proto"
import fc from "fast-check"
import { expect, test } from "vitest"
import { classify } from "../attempt/classify.ts"
import { decideAttempt, decideCancelled, factsOf, followOf, REASONS } from "./decide.ts"
import { evolve, START } from "./evolve.ts"

const event = create(EventAcceptedSchema, { eventId: "evt_1", applicationId: "app_1", type: "order.created", payload: new Uint8Array([1]) })
const first = create(DeliveryDueSchema, {
  deliveryId: "dlv_1",
  subscriptionId: "sub_1",
  round: 1,
  attempt: 1,
  roundFirstAttempt: 1,
  event,
  createdAt: timestampFromMs(0),
  dueAt: timestampFromMs(0),
})

/** All records of a delivery whose attempts end with these statuses, one a second. */
function history(statuses: readonly number[], retryCount: number): AttemptRecord[] {
  const records = [
    create(AttemptRecordSchema, { record: { case: "created", value: create(DeliveryCreatedSchema, { delivery: factsOf(first) }) } }),
  ]
  let due = first
  let nowMs = 0
  for (const statusCode of statuses) {
    nowMs += 1000
    const attempt = create(AttemptSchema, { number: due.attempt, startedAt: timestampFromMs(nowMs), finishedAt: timestampFromMs(nowMs) })
    const verdict =
      statusCode === 0
        ? classify({ kind: "none", errorClass: ErrorClass.TIMEOUT, error: "" }, nowMs)
        : classify({ kind: "answer", statusCode, headers: {} }, nowMs)
    const finished = decideAttempt({
      due,
      attempt,
      verdict,
      policy: create(RetryPolicySchema, { retryCount, retryDelaySeconds: 1 }),
      nowMs,
    })
    records.push(create(AttemptRecordSchema, { record: { case: "finished", value: finished } }))
    const follow = followOf(due, finished)
    if (follow?.kind !== "retry") return records
    due = follow.due
  }
  return [...records, create(AttemptRecordSchema, { record: { case: "settled", value: decideCancelled(due, REASONS.deleted, nowMs) } })]
}

const status = fc.constantFrom(0, 200, 204, 301, 400, 410, 429, 500, 503)

test("attempts are numbered without holes, and a delivery ends in exactly one terminal state", () => {
  fc.assert(
    fc.property(fc.array(status, { maxLength: 14 }), fc.integer({ min: 0, max: 10 }), (statuses, retryCount) => {
      const records = history(statuses, retryCount)
      const numbers = records.flatMap(({ record }) => (record.case === "finished" ? [record.value.attempt?.number] : []))
      expect(numbers).toEqual(numbers.map((_, index) => index + 1))
      expect(numbers.length).toBeLessThanOrEqual(retryCount + 1)
      const states = records.map((record) => evolve(START, record).state)
      const terminal: DeliveryState[] = [DeliveryState.DELIVERED, DeliveryState.DEAD, DeliveryState.CANCELLED]
      expect(states.filter((state) => terminal.includes(state))).toHaveLength(1)
      expect(terminal).toContain(states.at(-1))
    }),
  )
})

test("the fold comes to the same end in whatever order and however often records are read", () => {
  fc.assert(
    fc.property(fc.array(status, { maxLength: 8 }), fc.infiniteStream(fc.nat()), (statuses, random) => {
      const records = history(statuses, 10)
      const inOrder = records.reduce(evolve, START)
      const keyed = [...records, ...records].map((record) => [random.next().value, record] as const)
      const shuffled = keyed.toSorted(([a], [b]) => a - b).map(([, record]) => record)
      expect(shuffled.reduce(evolve, START)).toEqual(inOrder)
    }),
  )
})

test("an attempt that one owner settled while another made it without knowing is over, unless it was delivered or final", () => {
  const settled = create(AttemptRecordSchema, { record: { case: "settled", value: decideCancelled(first, REASONS.disabled, 1500) } })
  const stateOf = (statusCode: number, retryCount: number) => {
    const made = history([statusCode], retryCount)[1]
    return [[made, settled] as const, [settled, made] as const].map(
      (both) => both.reduce((standing, each) => evolve(standing, each!), START).state,
    )
  }
  expect(stateOf(500, 3)).toEqual([DeliveryState.CANCELLED, DeliveryState.CANCELLED])
  expect(stateOf(200, 3)).toEqual([DeliveryState.DELIVERED, DeliveryState.DELIVERED])
  expect(stateOf(500, 0)).toEqual([DeliveryState.DEAD, DeliveryState.DEAD])
})

test("410 ends a delivery at once, and the dead letter holds it with its event", () => {
  const finished = history([410], 5).at(-1)?.record
  expect(finished?.case === "finished" && [finished.value.state, finished.value.reason]).toEqual([DeliveryState.DEAD, REASONS.gone])
  const follow = finished?.case === "finished" ? followOf(first, finished.value) : undefined
  expect(follow?.kind === "dead" && follow.letter.content.value).toEqual(first)
})
