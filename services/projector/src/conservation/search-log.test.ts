import { create, toBinary } from "@bufbuild/protobuf"
import { partitionOf, type SuspectDelivery, type Topic } from "@posthorn/core"
import { createMemoryLog, type MemoryLog } from "@posthorn/log/memory"
import { ControlRecordSchema, DeliveryDueSchema, ParkedRecordSchema } from "@posthorn/proto"
import { beforeEach, expect, test } from "vitest"
import { readReach, TRY_TOPICS } from "./log-reach.ts"
import { searchLog } from "./search-log.ts"

const PARTITIONS = 3
let log: MemoryLog
beforeEach(() => {
  log = createMemoryLog({ partitions: PARTITIONS })
})

const suspect = (number: number): SuspectDelivery => ({
  applicationId: "app_1",
  eventId: `evt_${number}`,
  deliveryId: `dlv_${number}`,
  subscriptionId: `sub_${number}`,
  acceptedAtMs: 0,
  round: 1,
  attemptCount: 0,
  dueAtMs: 0,
  sequence: 0,
  place: undefined,
})

function put(topic: Topic, { deliveryId, subscriptionId, round }: SuspectDelivery) {
  const due = create(DeliveryDueSchema, { deliveryId, subscriptionId, round, attempt: 1 })
  const value =
    topic === "parked"
      ? toBinary(ParkedRecordSchema, create(ParkedRecordSchema, { record: { case: "due", value: due } }))
      : topic === "control"
        ? toBinary(ControlRecordSchema, create(ControlRecordSchema, { record: { case: "run", value: { due } } }))
        : toBinary(DeliveryDueSchema, due)
  return log.append([{ topic, key: subscriptionId, value }])
}

const search = async (suspects: readonly SuspectDelivery[], recordsMax?: number) =>
  searchLog({
    log,
    suspects,
    reach: await readReach(log),
    signal: new AbortController().signal,
    ...(recordsMax === undefined ? {} : { recordsMax }),
  })

test.each(TRY_TOPICS)("a try is found in %s, among others, by its place", async (topic) => {
  const [wanted, absent] = [suspect(1), suspect(2)]
  for (let number = 3; number < 20; number++) await put(topic, suspect(number))
  const [place] = await put(topic, wanted)
  const found = await search([wanted, absent])
  expect(found.of(wanted)).toEqual({ kind: "found", place })
  expect(found.of(absent)).toEqual({ kind: "nowhere" })
})

test("what a stage has finished is not looked at", async () => {
  const finish = { assigned: async () => undefined, failed: () => undefined }
  await put("deliveries", suspect(1))
  const member = await log.join({
    group: "delivery",
    topics: ["deliveries", "deliveries.bulk", "control"],
    handler: { ...finish, records: (partition, records) => records.forEach(({ offset }) => partition.finish(offset)) },
  })
  await member.leave()
  expect((await search([suspect(1)])).of(suspect(1))).toEqual({ kind: "nowhere" })
})

test("a partition that holds more than may be read tells nothing, and the others are read all the same", async () => {
  const [crowded, quiet] = [1, 2, 3, 4, 5].map(suspect).filter(({ subscriptionId }, _, all) => {
    const [first] = all
    return subscriptionId === "sub_1" || partitionOf(subscriptionId, PARTITIONS) !== partitionOf(first!.subscriptionId, PARTITIONS)
  })
  const beside = { ...suspect(100), subscriptionId: crowded!.subscriptionId }
  for (let number = 0; number < 30; number++) await put("retry.1h", beside)
  await put("retry.1m", beside)
  await put("deliveries", quiet!)
  const [one, other] = [crowded!, quiet!]
  const found = await search([one, other], 20)
  expect([found.of(one).kind, found.of(other).kind]).toEqual(["not searched", "found"])
})
