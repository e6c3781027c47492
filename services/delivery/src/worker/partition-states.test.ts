import { create, toBinary } from "@bufbuild/protobuf"
import { createMemoryLog } from "@posthorn/log/memory"
import { AttemptRecordSchema, DeliveryDueSchema, DeliveryState } from "@posthorn/proto"
import { Metrics, systemClock } from "@posthorn/runtime"
import { expect, test } from "vitest"
import { deliveryEvents } from "../events.ts"
import { PartitionStates } from "./partition-states.ts"

const silent = { error() {}, warn() {}, info() {}, debug() {} }
const owned = (partition: number) =>
  ({ topic: "deliveries", partition, signal: new AbortController().signal, finish() {}, seek() {} }) as const

test("partitions that are taken over together look once for where copies come from, and know what ended since that look", async () => {
  let nowMs = 1_000_000
  const memory = createMemoryLog({ partitions: 4, clock: () => nowMs })
  let looks = 0
  const log = {
    ...memory,
    lag: (...asked: Parameters<typeof memory.lag>) => {
      looks++
      return memory.lag(...asked)
    },
  }
  const clock = { ...systemClock, nowMs: () => nowMs }
  const states = new PartitionStates({ log, clock, events: deliveryEvents(silent, new Metrics()) })
  await Promise.all([states.gain(owned(0)), states.gain(owned(1))])
  const once = looks
  nowMs += 500
  const delivery = { deliveryId: "dlv_1", subscriptionId: "sub_1" }
  const finished = { delivery, round: 1, attempt: { number: 1 }, state: DeliveryState.DELIVERED } as const
  const record = create(AttemptRecordSchema, { record: { case: "finished", value: finished } })
  await log.append([{ topic: "attempts", key: "sub_1", partition: 2, value: toBinary(AttemptRecordSchema, record) }])
  const { tries } = await states.gain(owned(2))
  expect(tries.begin(create(DeliveryDueSchema, { ...delivery, round: 1, attempt: 1 })).kind).toBe("ended")
  expect(looks).toBe(once)
  nowMs += 500
  await states.gain(owned(3))
  expect(looks).toBe(2 * once)
})
