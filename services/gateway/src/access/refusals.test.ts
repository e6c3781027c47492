import { fromBinary } from "@bufbuild/protobuf"
import { ConfigTable, limits } from "@posthorn/core"
import { LogUnavailable, type LogAppender, type NewRecord } from "@posthorn/log"
import { AuditRecordSchema, Role } from "@posthorn/proto"
import { expect, test } from "vitest"
import { Refusals } from "./refusals.ts"

const CALLER = { role: Role.VIEWER, applicationId: "app_1", keyId: "key_1" }

function given({ failures = 0 } = {}) {
  const appended: NewRecord[] = []
  const noted = { recorded: 0, leftOut: 0, failures: 0 }
  let nowMs = Date.UTC(2031, 0)
  let ids = 0
  const log: LogAppender = {
    append: async (records, appendClass) => {
      expect(appendClass).toBe("bulk")
      appended.push(...records)
      if (noted.failures < failures) throw new LogUnavailable("away", "unknown")
      return []
    },
  }
  const events = {
    refusalNoted: (recorded: boolean) => void (recorded ? noted.recorded++ : noted.leftOut++),
    refusalsWaiting: () => void noted.failures++,
  }
  const refusals = new Refusals({ log, table: new ConfigTable(), nowMs: () => nowMs, newId: () => `${++ids}`, events })
  return {
    noted,
    refusals,
    appended,
    later: (ms: number) => void (nowMs += ms),
    refuse: (more: object = {}) =>
      refusals.refused({
        method: "posthorn.v1.KeyService/CreateKey",
        caller: CALLER,
        code: "permission_denied",
        entityId: "",
        requestId: "r",
        remoteAddress: "192.0.2.1",
        ...more,
      }),
    records: () => appended.map(({ key, value }) => ({ key, ...fromBinary(AuditRecordSchema, value) })),
  }
}

test("of a flood of one caller a share is recorded, and the next record says how many were left out", async () => {
  const { refuse, refusals, records, noted, later } = given()
  for (let at = 0; at < 500; at++) refuse()
  later(1000)
  refuse()
  await refusals.stop()
  const found = records()
  expect(found).toHaveLength(limits.REFUSALS_BURST + 1)
  expect(found.map(({ leftOut }) => Number(leftOut)).filter((count) => count > 0)).toEqual([500 - limits.REFUSALS_BURST])
  expect(noted).toEqual({ recorded: limits.REFUSALS_BURST + 1, leftOut: 500 - limits.REFUSALS_BURST, failures: 0 })
})

test("a flood from many addresses is bounded as well, and a flood of one caller takes nothing from the others", async () => {
  const { refuse, refusals, records } = given()
  for (let at = 0; at < 1000; at++) refuse({ caller: undefined, remoteAddress: "192.0.2.9" })
  for (let at = 0; at < 5000; at++) refuse({ caller: undefined, remoteAddress: `2001:db8::${at}` })
  refuse()
  await refusals.stop()
  const found = records()
  expect(found).toHaveLength(limits.REFUSALS_TOGETHER_BURST + 1)
  expect(found.filter(({ actor }) => actor?.id === CALLER.keyId)).toHaveLength(1)
})

test("what the log did not take, or may have taken, is appended again under the same ids", async () => {
  const { refuse, refusals, records, noted } = given({ failures: 1 })
  refuse()
  refuse({ caller: undefined, code: "unauthenticated" })
  await refusals.stop()
  expect(noted.failures).toBe(1)
  await refusals.stop()
  expect(records().map(({ id, key }) => [id, key])).toEqual([
    ["1", "app_1"],
    ["2", "anonymous"],
    ["1", "app_1"],
    ["2", "anonymous"],
  ])
})

test("what waits is bounded", async () => {
  const { refuse, refusals, records, noted, later } = given()
  for (let at = 0; at < 3 * limits.REFUSALS_WAITING_MAX; at++) {
    later(100)
    refuse({ caller: undefined, remoteAddress: `${at}` })
  }
  await refusals.stop()
  expect(records()).toHaveLength(limits.REFUSALS_WAITING_MAX)
  expect(noted.leftOut).toBe(2 * limits.REFUSALS_WAITING_MAX)
})
