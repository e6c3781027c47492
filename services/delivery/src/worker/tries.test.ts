import { create, toBinary } from "@bufbuild/protobuf"
import { limits } from "@posthorn/core"
import { createMemoryLog } from "@posthorn/log/memory"
import { AttemptRecordSchema, DeliveryDueSchema, DeliveryState } from "@posthorn/proto"
import { expect, test } from "vitest"
import { readTries, Tries } from "./tries.ts"

test("a try that was made just before a partition changed hands is known, as late as a lost owner's copy of it may come", async () => {
  let nowMs = 1_000_000
  const log = createMemoryLog({ partitions: 1, clock: () => nowMs })
  const delivery = { deliveryId: "dlv_1", subscriptionId: "sub_1" }
  const finished = { delivery, round: 1, attempt: { number: 2 }, state: DeliveryState.DELIVERED } as const
  const record = create(AttemptRecordSchema, { record: { case: "finished", value: finished } })
  await log.append([{ topic: "attempts", key: "sub_1", value: toBinary(AttemptRecordSchema, record) }])
  nowMs += limits.SESSION_TIMEOUT_MS + limits.APPEND_TIMEOUT_MS
  const tries = new Tries()
  await readTries({ log, tries, partition: 0, copiesSinceMs: nowMs })
  const due = create(DeliveryDueSchema, { ...delivery, round: 1, attempt: 2 })
  expect(tries.begin(due)).toEqual({ kind: "ended", ended: undefined })
  expect(tries.begin(create(DeliveryDueSchema, { ...delivery, round: 1, attempt: 3 }))).toEqual({ kind: "new" })
})
