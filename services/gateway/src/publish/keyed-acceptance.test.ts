import { create, fromBinary } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import { ShareMeter, foldStatus, isRefusal, keyedEventIdOf, limits, type Refusal } from "@posthorn/core"
import { followConfig, LogUnavailable, type ConfigFollower, type LogAppender } from "@posthorn/log"
import { EventAcceptedSchema, type EventAccepted } from "@posthorn/proto"
import { StoreUnavailable } from "@posthorn/store"
import fc from "fast-check"
import { afterAll, beforeAll, expect, test } from "vitest"
import { startInstallation, type Installation } from "../gateway-under-test.ts"
import { bodyHash } from "./body-hash.ts"
import { IngestLimits } from "./ingest-limits.ts"
import { KeyedAcceptance, type Accepted } from "./keyed-acceptance.ts"
import type { PublishContext } from "./publish-context.ts"

let installation: Installation
let config: ConfigFollower
beforeAll(async () => {
  installation = await startInstallation()
  config = await followConfig(installation.log)
})
afterAll(() => installation?.stop())

const APPLICATION = "app_00000000000000000000000000"
let keys = 0
const newKey = () => `key-${keys++}`

function eventOf(key: string, payload = "same", nowMs = Date.now()): EventAccepted {
  const eventId = keyedEventIdOf(APPLICATION, key)
  const bytes = Buffer.from(payload)
  return create(EventAcceptedSchema, {
    eventId,
    applicationId: APPLICATION,
    type: "a.b",
    contentType: "text/plain",
    payload: bytes,
    acceptedAt: timestampFromMs(nowMs),
    idempotencyKey: key,
  })
}

async function inLog(eventId: string): Promise<EventAccepted[]> {
  const ranges = (await installation.log.ends("events")).map(
    ({ partition, low, high }) => ({ topic: "events", partition, from: low, to: high }) as const,
  )
  const found: EventAccepted[] = []
  await installation.log.read(ranges, (records) => found.push(...records.map(({ value }) => fromBinary(EventAcceptedSchema, value))))
  return found.filter((event) => event.eventId === eventId)
}

interface Faults {
  readonly log?: LogAppender
  readonly claims?: PublishContext["claims"]
}

/** What a gateway does with keys, with a clock of its own that waiting moves on at once. */
function acceptance({ log = installation.log, claims = installation.store }: Faults = {}) {
  let waitedMs = 0
  const told: string[] = []
  const context: PublishContext = {
    log,
    claims,
    config,
    reader: installation.store,
    nowMs: () => Date.now() + waitedMs,
    wallMs: () => Date.now(),
    limits: new IngestLimits({ table: config.table, installation: undefined, nowMs: () => Date.now() }),
    payloads: { judge: () => undefined },
    newId: () => "",
    shares: new ShareMeter({ perSecond: 1, burst: 1 }),
    pause: async (ms) => void (waitedMs += ms),
    events: {
      accepted: () => undefined,
      claimNotSettled: () => void told.push("not settled"),
      claimPassedOver: () => void told.push("passed over"),
      limited: () => undefined,
    },
  }
  const keyed = new KeyedAcceptance(context)
  const accept = (key: string, payload?: string, storeOptional = false) =>
    keyed.accept({ event: eventOf(key, payload), key, storeOptional })
  return { accept, told, waitedMs: () => waitedMs }
}

const failing = (error: Error): LogAppender => ({ append: () => Promise.reject(error) })
/** Appends, and then does not know whether it did. */
const unsure: LogAppender = {
  async append(records) {
    await installation.log.append(records)
    throw new LogUnavailable("no answer", "unknown")
  },
}
const storeAway = {
  claim: () => Promise.reject(new StoreUnavailable("away")),
  accepted: () => Promise.reject(new StoreUnavailable("away")),
}
const accepted = (result: Accepted | Refusal): Accepted => {
  if (isRefusal(result)) throw new Error(result.message)
  return result
}

test("a key that is seen again answers the first event and appends nothing, and with another body it is refused", async () => {
  const key = newKey()
  const { accept } = acceptance()
  const eventId = keyedEventIdOf(APPLICATION, key)
  expect(await accept(key)).toEqual({ eventId, duplicate: false })
  expect(await accept(key)).toEqual({ eventId, duplicate: true })
  expect(await accept(key, "other")).toMatchObject({ code: "already_exists" })
  expect(await inLog(eventId)).toHaveLength(1)
})

test("one key at the same time in several gateways is one record in the log while nothing fails", async () => {
  const gateways = [acceptance(), acceptance(), acceptance()]
  for (let round = 0; round < 5; round++) {
    const key = newKey()
    const results = (await Promise.all(Array.from({ length: 24 }, (_, index) => gateways[index % 3]!.accept(key)))).map(accepted)
    expect(new Set(results.map((each) => each.eventId)).size).toBe(1)
    expect(results.filter((each) => !each.duplicate)).toHaveLength(1)
    expect(await inLog(results[0]!.eventId)).toHaveLength(1)
  }
})

test("other bodies at the same time: one wins, the others are refused", async () => {
  const gateways = [acceptance(), acceptance()]
  const key = newKey()
  const results = await Promise.all(Array.from({ length: 10 }, (_, index) => gateways[index % 2]!.accept(key, `${index}`)))
  expect(results.filter((each) => !isRefusal(each))).toHaveLength(1)
  expect(results.filter(isRefusal).map((each) => each.code)).toEqual(Array.from({ length: 9 }, () => "already_exists"))
})

test("after a crash between claim and log the event is appended, once, as of the time of the claim", async () => {
  const key = newKey()
  const claimedAtMs = Date.now() - 60_000
  const event = eventOf(key)
  const claim = { applicationId: APPLICATION, key, eventId: event.eventId, bodyHash: bodyHash(event), claimedAtMs, retentionHours: 48 }
  await installation.store.claim(claim)
  const { accept, waitedMs } = acceptance()
  expect(await accept(key)).toMatchObject({ eventId: event.eventId })
  expect(waitedMs()).toBe(0)
  const found = await inLog(event.eventId)
  expect(found.map((each) => timestampMs(each.acceptedAt!))).toEqual([claimedAtMs])
  // Rows are kept by it: what may be there twice has to be the same in both.
  expect(found.map((each) => each.retentionHours)).toEqual([48])
})

test("a claim keeps its event's id for whoever takes it up, and a key whose claim is forgotten is a new event", async () => {
  const { accept } = acceptance()
  const claim = async (claimedAtMs: number) => {
    const key = newKey()
    const event = eventOf(key)
    const claimedId = keyedEventIdOf(APPLICATION, `claimed as ${key}`)
    await installation.store.claim({ applicationId: APPLICATION, key, eventId: claimedId, bodyHash: bodyHash(event), claimedAtMs })
    return { key, claimedId, ownId: event.eventId }
  }
  const taken = await claim(Date.now() - 60_000)
  expect(await accept(taken.key)).toMatchObject({ eventId: taken.claimedId })
  expect([(await inLog(taken.claimedId)).length, (await inLog(taken.ownId)).length]).toEqual([1, 0])
  const forgotten = await claim(Date.now() - limits.IDEMPOTENCY_WINDOW_MS - 60_000)
  expect(await accept(forgotten.key)).toEqual({ eventId: forgotten.ownId, duplicate: false })
})

test("a fresh claim of somebody else is waited for, and taken over when nothing more is heard", async () => {
  const key = newKey()
  const event = eventOf(key)
  await installation.store.claim({
    applicationId: APPLICATION,
    key,
    eventId: event.eventId,
    bodyHash: bodyHash(event),
    claimedAtMs: Date.now(),
  })
  const { accept, waitedMs } = acceptance()
  expect(await accept(key)).toEqual({ eventId: event.eventId, duplicate: false })
  expect(waitedMs()).toBeGreaterThan(1000)
})

test("an append that nobody knows the end of is found again in the view and not repeated", async () => {
  const key = newKey()
  await expect(acceptance({ log: unsure }).accept(key)).rejects.toThrow(LogUnavailable)
  const [event] = await inLog(keyedEventIdOf(APPLICATION, key))
  const rows = foldStatus([{ topic: "events", partition: 0, offset: 0, message: event! }], [])
  await installation.store.positions([{ topic: "events", partition: 0, low: 0 }])
  expect(await installation.store.project({ ranges: [{ topic: "events", partition: 0, first: 0, next: 1 }], rows })).toBe("done")
  expect(await acceptance().accept(key)).toEqual({ eventId: event!.eventId, duplicate: true })
  expect(await inLog(event!.eventId)).toHaveLength(1)
})

test("without the store a key that was asked for is refused with nothing stored, and one that was not goes on", async () => {
  const [asked, own] = [newKey(), newKey()]
  const { accept, told } = acceptance({ claims: storeAway })
  expect(await accept(asked)).toMatchObject({ code: "unavailable", retryAfterSeconds: 1 })
  expect(await inLog(keyedEventIdOf(APPLICATION, asked))).toHaveLength(0)
  expect(await accept(own, "x", true)).toMatchObject({ duplicate: false })
  expect(await inLog(keyedEventIdOf(APPLICATION, own))).toHaveLength(1)
  expect(told).toEqual(["passed over"])
})

test("a store that goes away after the append does not undo what was accepted", async () => {
  const key = newKey()
  const { accept, told } = acceptance({ claims: { ...storeAway, claim: (claim) => installation.store.claim(claim) } })
  expect(await accept(key)).toMatchObject({ duplicate: false })
  expect(told).toEqual(["not settled"])
})

test("I14: whatever fails and whoever repeats, one key is one event, and what was acknowledged is in the log", async () => {
  const refused = failing(new LogUnavailable("away", "refused"))
  const forgetful: PublishContext["claims"] = {
    claim: (claim) => installation.store.claim(claim),
    accepted: () => Promise.reject(new StoreUnavailable("away")),
  }
  const faults: Faults[] = [{}, { log: unsure }, { log: refused }, { claims: storeAway }, { claims: forgetful }]
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.array(fc.record({ fault: fc.nat(faults.length - 1), payload: fc.constantFrom("one", "two") }), { minLength: 1, maxLength: 3 }),
        { minLength: 2, maxLength: 5 },
      ),
      async (bursts) => {
        const key = newKey()
        const eventId = keyedEventIdOf(APPLICATION, key)
        const acknowledged = new Set<string>()
        // Requests of one burst are under way together, each in a gateway of its own.
        for (const burst of bursts) {
          const ends = await Promise.allSettled(
            burst.map(async ({ fault, payload }) => ({ payload, result: await acceptance(faults[fault]).accept(key, payload) })),
          )
          for (const end of ends) {
            if (end.status === "rejected") expect(end.reason).toBeInstanceOf(LogUnavailable)
            else if (!isRefusal(end.value.result)) {
              expect(end.value.result.eventId).toBe(eventId)
              acknowledged.add(end.value.payload)
            }
          }
        }
        const payloads = new Set((await inLog(eventId)).map((event) => Buffer.from(event.payload).toString()))
        expect(payloads.size).toBeLessThanOrEqual(1)
        for (const payload of acknowledged) expect(payloads).toContain(payload)
      },
    ),
    { numRuns: 30 },
  )
})
