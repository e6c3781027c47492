import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { formatId, isRefusal, type Refusal } from "@posthorn/core"
import {
  CountDeliveriesRequestSchema,
  DeadLetterState,
  DeliveryState,
  ErrorClass,
  ListDeadLettersRequestSchema,
  ListDeliveriesRequestSchema,
  ListEventsRequestSchema,
} from "@posthorn/proto"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Tenancy } from "../status-store.ts"
import { projectRecords } from "./project-records.ts"
import {
  applicationOf,
  deliveryOf,
  errorClassOf,
  eventOf,
  messagesOf,
  NOON_MS,
  recordsOf,
  subscriptionOf,
  type SampleEvent,
} from "./sample-history.ts"
import type { StoreFixture, StoreUnderTest } from "./store-fixture.ts"

const STEP_MS = 8_000_000
const ENDS = [
  { statuses: [200], end: "none" },
  { statuses: [503, 204], end: "none" },
  { statuses: [0, 410], end: "dead" },
  { statuses: [503], end: "none" },
  { statuses: [], end: "none" },
  { statuses: [500, 0], end: "cancelled" },
  { statuses: [0], end: "dead" },
] as const
const SAMPLES = Array.from({ length: 70 }, (_, index): SampleEvent => {
  const at = NOON_MS + Math.floor(index / 3) * STEP_MS
  return {
    ...ENDS[index % ENDS.length]!,
    number: index + 1,
    application: index % 4 === 0 ? 2 : 1,
    // A subscription is one application's.
    subscription: index % 4 === 0 ? 4 : 1 + (index % 3),
    type: index % 5 === 0 ? "user.made" : "order.created",
    createdAtMs: at,
    diedAtMs: at,
    // One application has a name once; the other may have the same.
    ...(index % 2 === 0 ? { key: `order ${Math.floor(index / 8)}` } : {}),
  }
})

/** What somebody may narrow a list by. */
interface Filter {
  applicationId?: string
  subscriptionId?: string
  eventId?: string
  type?: string
  state?: DeliveryState
  statusCode?: number
  errorClass?: ErrorClass
  since?: number
  until?: number
  search?: string
}

const HOSTILE = [
  "'",
  "' or true --",
  "%",
  "_",
  "\\",
  "$1",
  "x\u0000",
  "\ud800",
  "evt_",
  "dlv_' or 1=1",
  "a".repeat(300),
  "null",
  "{}",
  "🦄",
]
const one = fc.constantFrom(...SAMPLES)
const idLike = fc.constantFrom(formatId("delivery", new Uint8Array(16)), formatId("event", new Uint8Array(16)), ...HOSTILE)
const time = fc.integer({ min: -1, max: 30 }).map((step) => NOON_MS + step * STEP_MS)
const FIELDS = {
  applicationId: fc.oneof(fc.constantFrom(applicationOf(1), applicationOf(2)), idLike),
  subscriptionId: fc.oneof(
    one.map(({ subscription }) => subscriptionOf(subscription)),
    idLike,
  ),
  eventId: fc.oneof(
    one.map(({ number }) => eventOf(number)),
    idLike,
  ),
  type: fc.oneof(fc.constantFrom("user.made", "order.created"), idLike),
  state: fc.constantFrom(1, 2, 3, 4, 5) as fc.Arbitrary<DeliveryState>,
  statusCode: fc.constantFrom(200, 204, 410, 500, 503, 999, -1),
  errorClass: fc.constantFrom(ErrorClass.STATUS, ErrorClass.TIMEOUT, ErrorClass.TLS),
  since: time,
  until: time,
  search: fc.oneof(
    one.map(deliveryOf),
    one.map(({ number }) => eventOf(number)),
    one.map(({ key = "order 0" }) => key),
    idLike,
  ),
} satisfies { [Name in keyof Filter]-?: fc.Arbitrary<NonNullable<Filter[Name]>> }
const NAMES = Object.keys(FIELDS) as (keyof Filter)[]

const tenancies = fc.constantFrom<Tenancy>("every application", { applicationId: applicationOf(1) }, { applicationId: applicationOf(2) })

const stateOf = ({ statuses, end }: SampleEvent): DeliveryState => {
  const last = statuses.at(-1)
  if (last !== undefined && last >= 200 && last < 300) return DeliveryState.DELIVERED
  if (end === "dead") return DeliveryState.DEAD
  if (end === "cancelled") return DeliveryState.CANCELLED
  return statuses.length === 0 ? DeliveryState.SCHEDULED : DeliveryState.RETRYING
}

/** Every condition of a filter by itself, plainly. */
function takes(filter: Filter, tenancy: Tenancy, sample: SampleEvent): boolean {
  const { applicationId, subscriptionId, eventId, type, state, statusCode, errorClass, since, until, search } = filter
  const last = sample.statuses.at(-1)
  const application = applicationOf(sample.application)
  return (
    (tenancy === "every application" || tenancy.applicationId === application) &&
    (applicationId === undefined || applicationId === application) &&
    (subscriptionId === undefined || subscriptionId === subscriptionOf(sample.subscription)) &&
    (eventId === undefined || eventId === eventOf(sample.number)) &&
    (type === undefined || type === sample.type) &&
    (state === undefined || state === stateOf(sample)) &&
    (statusCode === undefined || statusCode === last) &&
    (errorClass === undefined || errorClass === errorClassOf(last)) &&
    (since === undefined || sample.createdAtMs! >= since) &&
    (until === undefined || sample.createdAtMs! < until) &&
    (search === undefined || [deliveryOf(sample), eventOf(sample.number), sample.key].includes(search))
  )
}

function fieldsOf({ since, until, ...rest }: Filter) {
  return {
    ...rest,
    ...(since === undefined ? {} : { since: timestampFromMs(since) }),
    ...(until === undefined ? {} : { until: timestampFromMs(until) }),
  }
}

function answered<Answer extends object>(answer: Answer | Refusal): Answer {
  if (isRefusal(answer)) throw new Error(answer.message)
  return answer
}

/** Newest first; ids of one time have no order that anybody could know. */
const sorted = (ids: readonly string[]) => ids.toSorted()

export function filterTests(fixture: () => StoreFixture): void {
  describe("filters", () => {
    let under: StoreUnderTest
    beforeAll(async () => {
      under = await fixture().openEmpty()
      await projectRecords(under.store, recordsOf(SAMPLES.flatMap(messagesOf)))
    }, 60_000)
    afterAll(() => under.close())

    const taken = (filter: Filter, tenancy: Tenancy) => SAMPLES.filter((sample) => takes(filter, tenancy, sample))

    async function judge(filter: Filter, tenancy: Tenancy): Promise<void> {
      const { store } = under
      const expected = taken(filter, tenancy)
      const listed = answered(
        await store.listDeliveries(tenancy, create(ListDeliveriesRequestSchema, { pageSize: 200, ...fieldsOf(filter) })),
      )
      expect(sorted(listed.deliveries.map(({ id }) => id))).toEqual(sorted(expected.map(deliveryOf)))
      const { state: _, ...anyState } = filter
      const { counts } = await store.countStates(tenancy, create(CountDeliveriesRequestSchema, fieldsOf(anyState)))
      const all = taken(anyState, tenancy)
      expect(counts.map(({ state, count, more }) => [state, count, more])).toEqual(
        [1, 2, 3, 4, 5].map((state) => [state, all.filter((sample) => stateOf(sample) === state).length, false]),
      )
      const { applicationId, type, since, until, search } = filter
      const ofEvents = { applicationId, type, since, until, search } as Filter
      const events = answered(await store.listEvents(tenancy, create(ListEventsRequestSchema, { pageSize: 200, ...defined(ofEvents) })))
      expect(sorted(events.events.map(({ id }) => id))).toEqual(sorted(taken(ofEvents, tenancy).map(({ number }) => eventOf(number))))
      const letters = answered(
        await store.listDeadLetters(
          tenancy,
          create(ListDeadLettersRequestSchema, { pageSize: 200, ...fieldsOf(anyState), state: DeadLetterState.OPEN }),
        ),
      )
      expect(sorted(letters.deadLetters.map(({ deliveryId }) => deliveryId))).toEqual(
        sorted(all.filter((sample) => stateOf(sample) === DeliveryState.DEAD).map(deliveryOf)),
      )
    }

    const defined = (filter: Filter) => fieldsOf(Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)))

    test.each(NAMES)("lists and counts take what a plain look at every row takes, with %s alone and beside every other", async (name) => {
      for (const other of NAMES) {
        const filters = fc.record({ [name]: FIELDS[name], [other]: FIELDS[other] }) as fc.Arbitrary<Filter>
        await fc.assert(
          fc.asyncProperty(filters, tenancies, (filter, tenancy) => judge(filter, tenancy)),
          { numRuns: 4 },
        )
      }
    })

    test("and with any number of filters at once", async () => {
      const filters = fc.record(FIELDS, { requiredKeys: [] }) as fc.Arbitrary<Filter>
      await fc.assert(
        fc.asyncProperty(filters, tenancies, (filter, tenancy) => judge(filter, tenancy)),
        { numRuns: 60 },
      )
    })
  })
}
