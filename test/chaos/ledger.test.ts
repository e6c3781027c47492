import { deliveryIdOf } from "@posthorn/core"
import { expect, test } from "vitest"
import type { Arrival } from "./endpoints.ts"
import { judge, type Ledger } from "./ledger.ts"

const EVENT = "evt_1"
const subscriptions = { healthy: "sub_h", flaky: "sub_f", slow: "sub_s" }
const arrival = (endpoint: Arrival["endpoint"], more: Partial<Arrival> = {}): Arrival => ({
  endpoint,
  deliveryId: deliveryIdOf(EVENT, subscriptions[endpoint]),
  attempt: 1,
  atMs: 1000,
  delivered: true,
  body: "1",
  ...more,
})
const ledger = (arrivals: readonly Arrival[]): Ledger => ({
  acknowledged: new Map([["1", EVENT]]),
  subscriptions,
  arrivals,
  delaysMs: [500, 500],
})

test("everything taken once is as it should be", () => {
  expect(judge(ledger([arrival("healthy"), arrival("flaky"), arrival("slow")]))).toEqual({
    delivered: 3,
    lost: [],
    duplicates: 0,
    early: [],
    altered: 0,
    unasked: 0,
  })
})

test("a delivery that only ever failed is lost, and one that was taken twice is a duplicate", () => {
  const found = judge(ledger([arrival("healthy"), arrival("healthy"), arrival("slow", { delivered: false })]))
  expect(found).toMatchObject({ delivered: 1, duplicates: 1 })
  expect(found.lost).toEqual([deliveryIdOf(EVENT, "sub_f"), deliveryIdOf(EVENT, "sub_s")])
})

test("a retry before its wait is early, one after it is not, and a repeated attempt is not measured against itself", () => {
  const failed = { delivered: false }
  const [soon, late] = [arrival("flaky", { attempt: 2, atMs: 1499 }), arrival("slow", { attempt: 2, atMs: 1500 })]
  expect(judge(ledger([arrival("flaky", failed), arrival("flaky", failed), soon, arrival("slow", failed), late])).early).toEqual([soon])
})

test("other bytes and ids that nobody sent are noticed", () => {
  expect(judge(ledger([arrival("healthy", { body: "2" }), arrival("slow", { deliveryId: "dlv_x" })]))).toMatchObject({
    altered: 1,
    unasked: 1,
  })
})
