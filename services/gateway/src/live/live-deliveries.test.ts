import { createSecretKey, randomBytes } from "node:crypto"
import { create, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { isRefusal, limits, type Refusal } from "@posthorn/core"
import type { NewRecord } from "@posthorn/log"
import { createMemoryLog, type MemoryLog } from "@posthorn/log/memory"
import { AttemptRecordSchema, DeliveryState, Outcome, type WatchDeliveriesResponse } from "@posthorn/proto"
import { SecretBox } from "@posthorn/runtime"
import { eventually } from "@posthorn/testkit"
import fc from "fast-check"
import { expect, onTestFinished, test } from "vitest"
import { writeCursor } from "./cursor.ts"
import { LiveDeliveries, type LiveOptions } from "./live-deliveries.ts"
import type { Wanted } from "./watcher.ts"

const NOW_MS = Date.UTC(2026, 0, 2)
const ANY: Wanted = { applicationId: undefined, subscriptionId: "", eventId: "", type: "", state: DeliveryState.UNSPECIFIED }
const boxOf = () => new SecretBox([{ kid: "k", key: createSecretKey(randomBytes(32)) }])

interface Told {
  readonly application?: string
  readonly subscription?: string
  readonly type?: string
}

/** A record of an attempt that was delivered; its delivery's id says which one it is. */
function finished(id: string, { application = "app_1", subscription = "sub_1", type = "order.made" }: Told = {}): NewRecord {
  const at = timestampFromMs(NOW_MS)
  const names = { deliveryId: id, applicationId: application, subscriptionId: subscription, eventId: `evt_${id}`, eventType: type }
  const attempt = { id: `att_${id}`, number: 1, outcome: Outcome.DELIVERED, statusCode: 200, durationMs: 12, finishedAt: at }
  const value = { delivery: { ...names, createdAt: at }, round: 1, attempt, state: DeliveryState.DELIVERED }
  const record = create(AttemptRecordSchema, { record: { case: "finished", value } })
  return { topic: "attempts", key: subscription, value: toBinary(AttemptRecordSchema, record) }
}

class Client {
  readonly messages: (WatchDeliveriesResponse | Refusal)[] = []
  readonly #leaving = new AbortController()
  #reading: Promise<void> = Promise.resolve()

  static async open(live: LiveDeliveries, wanted: Partial<Wanted> = {}, cursor = ""): Promise<Client> {
    const client = new Client()
    const messages = await live.watch({ wanted: { ...ANY, ...wanted }, cursor, signal: client.#leaving.signal })
    if (isRefusal(messages)) throw new Error(messages.message)
    client.#reading = client.#read(messages)
    await eventually(() => client.messages.length > 0)
    return client
  }

  async #read(messages: AsyncIterable<WatchDeliveriesResponse | Refusal>): Promise<void> {
    for await (const message of messages) this.messages.push(message)
  }

  get ids(): readonly string[] {
    return this.messages.flatMap((each) =>
      !isRefusal(each) && each.content.case === "change" ? (each.content.value.delivery?.id ?? "") : [],
    )
  }

  get cursor(): string {
    return this.messages.flatMap((each) => (isRefusal(each) ? [] : each.cursor)).at(-1) ?? ""
  }

  get refusal(): Refusal | undefined {
    return this.messages.find((each) => isRefusal(each))
  }

  async close(): Promise<void> {
    this.#leaving.abort()
    await this.#reading
  }
}

function start(more: Partial<LiveOptions> = {}): { log: MemoryLog; live: LiveDeliveries } {
  const log = createMemoryLog()
  onTestFinished(() => log.close())
  return { log, live: new LiveDeliveries({ log, box: boxOf(), nowMs: () => NOW_MS, exists: () => true, ...more }) }
}

test("a watcher is told of what comes from now on, with the delivery as it then is and the attempt in short", async () => {
  const { log, live } = start()
  await log.append([finished("dlv_early")])
  const client = await Client.open(live)
  await log.append([finished("dlv_1"), { topic: "attempts", key: "sub_1", value: Buffer.from("garbage") }, finished("dlv_2")])
  await eventually(() => expect(client.ids).toEqual(["dlv_1", "dlv_2"]))
  expect(client.messages[1]).toMatchObject({
    content: {
      case: "change",
      value: {
        delivery: { id: "dlv_1", applicationId: "app_1", state: DeliveryState.DELIVERED, attemptCount: 1, lastStatusCode: 200, round: 1 },
        attempt: { number: 1, outcome: Outcome.DELIVERED, statusCode: 200, durationMs: 12 },
      },
    },
  })
  await client.close()
})

test("I6: nothing of one application reaches another's watcher, live or on the way, and filters narrow", async () => {
  const { log, live } = start()
  const about: Partial<Wanted>[] = [
    { applicationId: "app_1" },
    { applicationId: "app_2" },
    { applicationId: "app_2", subscriptionId: "sub_3" },
    { applicationId: "app_1", subscriptionId: "sub_3" },
    { type: "a" },
    { eventId: "evt_2b" },
    { state: DeliveryState.DEAD },
    {},
  ]
  const first = await Client.open(live)
  const [from] = [first.cursor]
  const clients = await Promise.all(about.map((wanted) => Client.open(live, wanted)))
  await log.append([
    finished("1a", { application: "app_1", subscription: "sub_1", type: "a" }),
    finished("2b", { application: "app_2", subscription: "sub_2", type: "b" }),
    finished("2c", { application: "app_2", subscription: "sub_3", type: "a" }),
  ])
  await eventually(() => expect(clients.at(-1)?.ids).toHaveLength(3))
  const expected = [["1a"], ["2b", "2c"], ["2c"], [], ["1a", "2c"], ["2b"], [], ["1a", "2b", "2c"]]
  expect(clients.map(({ ids }) => ids.toSorted())).toEqual(expected)
  const again = await Promise.all(about.map((wanted) => Client.open(live, wanted, from)))
  await eventually(() => expect(again.map(({ ids }) => ids.toSorted())).toEqual(expected))
  await Promise.all([first, ...clients, ...again].map((client) => client.close()))
})

test("whatever the reconnects, what a client is told is everything, in order for each subscription, and nothing twice", async () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant("append" as const), counts: fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }) }),
      fc.record({ kind: fc.constant("reconnect" as const), away: fc.nat(5), keep: fc.nat(6) }),
    ),
    { minLength: 1, maxLength: 12 },
  )
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const log = createMemoryLog({ partitions: 3 })
      const live = new LiveDeliveries({ log, box: boxOf(), nowMs: () => NOW_MS, exists: () => true })
      const sent = new Map<string, string[]>()
      const append = async (subscription: string, count: number) => {
        const ids = Array.from({ length: count }, (_, at) => `${subscription}/${(sent.get(subscription)?.length ?? 0) + at}`)
        sent.set(subscription, [...(sent.get(subscription) ?? []), ...ids])
        if (count > 0) await log.append(ids.map((id) => finished(id, { subscription })))
      }
      const told: string[] = []
      let client = await Client.open(live)
      const total = () => [...sent.values()].flat().length
      const shown = async () => eventually(() => expect(told.length + client.ids.length).toBe(total()))
      for (const step of history) {
        if (step.kind === "append") for (const [at, count] of step.counts.entries()) await append(`sub_${at}`, count)
        else {
          // It has seen so many messages when it is cut off, and is told of those that came meanwhile all the same.
          await shown()
          const kept = client.messages.slice(0, 1 + Math.min(step.keep, client.ids.length))
          const last = kept.at(-1) as WatchDeliveriesResponse
          told.push(...client.ids.slice(0, kept.length - 1))
          await client.close()
          await append("sub_9", step.away)
          client = await Client.open(live, {}, last.cursor)
        }
      }
      await shown()
      told.push(...client.ids)
      for (const [subscription, ids] of sent) expect(told.filter((id) => id.startsWith(`${subscription}/`))).toEqual(ids)
      await client.close()
      await live.stop()
      await log.close()
    }),
    { numRuns: 40 },
  )
})

test("silence is broken by cursors that go on, also when nothing is wanted of what happens", async () => {
  const { log, live } = start({ heartbeatMs: 20 })
  const client = await Client.open(live, { type: "never" })
  await log.append([finished("dlv_1")])
  await eventually(() => expect(client.messages.length).toBeGreaterThan(5))
  const { cursor } = client
  await client.close()
  const later = await Client.open(live, {}, cursor)
  await log.append([finished("dlv_2")])
  await eventually(() => expect(later.ids).toEqual(["dlv_2"]))
  await later.close()
})

test("a cursor that is none of ours is refused, whatever it is", async () => {
  const { log, live } = start()
  const client = await Client.open(live)
  const { cursor } = client
  await client.close()
  const refused = async (text: string) => live.watch({ wanted: ANY, cursor: text, signal: AbortSignal.abort() })
  const [version, ...rest] = Buffer.from(cursor, "base64url").toString().split(":")
  const hostile = [
    "x",
    "..",
    cursor.slice(0, -4),
    `${cursor.slice(0, 40)}A${cursor.slice(41)}`,
    Buffer.from(["v2", ...rest].join(":")).toString("base64url"),
    Buffer.from(`${version}:k:a:b:c`).toString("base64url"),
    Buffer.from(JSON.stringify([NOW_MS, 0, 0, 0, 0])).toString("base64url"),
    writeCursor(boxOf(), { atMs: NOW_MS, positions: [0, 0, 0, 0] }),
  ]
  for (const text of hostile) expect(await refused(text)).toMatchObject({ code: "invalid_argument" })
  await fc.assert(
    fc.asyncProperty(fc.string({ minLength: 1, maxLength: 400 }), async (text) => {
      expect(await refused(text)).toMatchObject({ code: "invalid_argument" })
    }),
  )
  await expect(log.ping()).resolves.toBeUndefined()
})

test("what is too far back, or not there any more, is told as a gap", async () => {
  const box = boxOf()
  const { log, live } = start({ box })
  const at = (...positions: number[]) => writeCursor(box, { atMs: NOW_MS - 5000, positions })
  const positions = await log.append([finished("dlv_1"), finished("dlv_2")])
  const { partition, offset } = positions[0]!
  await log.trim("attempts", partition, offset + 1)
  const zeros = log.partitions("attempts") === 4 ? [0, 0, 0, 0] : []
  for (const cursor of [at(...zeros), at(...zeros, 0), at(1, 2), at(...zeros.map(() => 1000))]) {
    const client = await Client.open(live, {}, cursor)
    const value = { since: timestampFromMs(NOW_MS - 5000), until: timestampFromMs(NOW_MS) }
    expect(client.messages).toMatchObject([{ content: { case: "gap", value } }])
    await client.close()
  }
  const kept = [...zeros]
  kept[partition] = offset + 1
  const client = await Client.open(live, {}, at(...kept))
  await eventually(() => expect(client.ids).toEqual(["dlv_2"]))
  await client.close()
})

test("a client that is far behind reads its way up to what comes meanwhile", async () => {
  const { log, live } = start()
  const client = await Client.open(live)
  const { cursor } = client
  await client.close()
  const count = 3 * limits.WATCH_CHUNK_RECORDS
  const ids = Array.from({ length: count }, (_, at) => `dlv_${at}`)
  for (let at = 0; at < count; at += 500) await log.append(ids.slice(at, at + 500).map((id) => finished(id)))
  const later = await Client.open(live, {}, cursor)
  await log.append([finished("dlv_last")])
  await eventually(() => expect(later.ids).toHaveLength(count + 1))
  expect(later.ids).toEqual([...ids, "dlv_last"])
  await later.close()
})

/** Opens a watch and reads nothing of it but where it begins. */
async function unread(live: LiveDeliveries): Promise<{ messages: AsyncGenerator<WatchDeliveriesResponse | Refusal>; leave: () => void }> {
  const leaving = new AbortController()
  const messages = await live.watch({ wanted: ANY, cursor: "", signal: leaving.signal })
  if (isRefusal(messages)) throw new Error(messages.message)
  await messages.next()
  return { messages, leave: () => leaving.abort() }
}

test("what has no room in memory for a client that does not read is read from the log when it does", async () => {
  const { log, live } = start()
  const slow = await unread(live)
  const count = 2 * limits.WATCH_QUEUE_MAX + 500
  const ids = Array.from({ length: count }, (_, at) => `dlv_${at}`)
  const reader = await Client.open(live)
  for (let at = 0; at < count; at += 500) await log.append(ids.slice(at, at + 500).map((id) => finished(id)))
  await eventually(() => expect(reader.ids).toEqual(ids))
  const told: string[] = []
  for await (const message of slow.messages) {
    if (!isRefusal(message) && message.content.case === "change") told.push(message.content.value.delivery?.id ?? "")
    if (told.length === count) slow.leave()
  }
  expect(told).toEqual(ids)
  await reader.close()
})

test("a client that is slower than what comes, and for too long, is told of a gap and goes on with what comes", async () => {
  const { log, live } = start({ lookbackRecords: 2 * limits.WATCH_CHUNK_RECORDS })
  const slow = await unread(live)
  const count = limits.WATCH_QUEUE_MAX + 2 * limits.WATCH_CHUNK_RECORDS + 1
  const ids = Array.from({ length: count }, (_, at) => `dlv_${at}`)
  const reader = await Client.open(live, { eventId: `evt_${ids.at(-1)}` })
  for (let at = 0; at < count; at += 500) await log.append(ids.slice(at, at + 500).map((id) => finished(id)))
  await eventually(() => expect(reader.ids).toHaveLength(1))
  const seen: (string | undefined)[] = []
  for await (const message of slow.messages) {
    seen.push(isRefusal(message) ? "refused" : message.content.case === "gap" ? "gap" : message.content.value?.delivery?.id)
    if (seen.at(-1) === "gap") await log.append([finished("dlv_after")])
    if (seen.at(-1) === "dlv_after") slow.leave()
  }
  expect(seen).toEqual([...ids.slice(0, limits.WATCH_QUEUE_MAX), "gap", "dlv_after"])
  await reader.close()
})

test("thousands of watchers read the log once between them, and not at all when they are gone", async () => {
  const { log, live } = start()
  let tails = 0
  let open = 0
  const tail = log.tail
  log.tail = async (...asked) => {
    tails++
    open++
    const started = await tail(...asked)
    return { positions: started.positions, close: async () => started.close().then(() => void open--) }
  }
  const watchers = await Promise.all(
    Array.from({ length: limits.WATCHES_MAX }, (_, at) => Client.open(live, { applicationId: `app_${at % 1000}` })),
  )
  await log.append([finished("dlv_1", { application: "app_7" })])
  await eventually(() => expect(watchers.filter(({ ids }) => ids.length > 0)).toHaveLength(limits.WATCHES_MAX / 1000))
  expect(watchers.every(({ messages }) => messages.length <= 2)).toBe(true)
  expect([tails, open]).toEqual([1, 1])
  await Promise.all(watchers.map((watcher) => watcher.close()))
  await live.stop()
  expect([tails, open]).toEqual([1, 0])
})

test("an application that is deleted is nobody's to watch any more", async () => {
  let gone = ""
  const { live } = start({ exists: (id) => id !== gone })
  const [client, other] = [await Client.open(live, { applicationId: "app_1" }), await Client.open(live, { applicationId: "app_2" })]
  gone = "app_1"
  await eventually(() => expect(client.refusal).toMatchObject({ code: "not_found" }))
  expect(other.refusal).toBeUndefined()
  await Promise.all([client.close(), other.close()])
})
