import { expect, test } from "vitest"
import { killsOf, problemsOf, tableOf } from "./report.ts"
import type { Outcome } from "./run-scenario.ts"

const KEPT: Outcome = {
  scenario: { name: "example", about: "", everyMs: 1000, duplicatesPerFault: 10, fault: async () => {} },
  sent: 1,
  faults: 2,
  kills: 3,
  published: {
    acknowledged: new Map([["1", "evt_1"]]),
    refusedWithoutKey: 0,
    repeated: 5,
    unavailable: 1,
    cutOff: 1,
    doneAndCutOff: 0,
    takenAnew: 0,
    unexpected: [],
  },
  findings: { delivered: 3, lost: [], duplicates: 20, early: [], altered: 0, unasked: 0 },
  views: { events: 1, deliveries: 3, unfinished: 0, delivered: 3, holes: 0, early: 0, lateP99Ms: 1234, apart: 0 },
  unaccounted: [],
  problems: [],
  badEnd: "",
  seconds: 40,
}

test("an outcome with as many duplicates as faults allow has no problem", () => {
  expect(problemsOf(KEPT)).toEqual([])
})

test("every promise that was broken is named", () => {
  const { published, findings, views } = KEPT
  const broken: readonly Partial<Outcome>[] = [
    { faults: 0, findings: { ...findings, duplicates: 0 } },
    { sent: 2 },
    { published: { ...published, takenAnew: 1 } },
    { published: { ...published, unexpected: ["500 oh"] } },
    { findings: { ...findings, lost: ["dlv_1"] } },
    { findings: { ...findings, duplicates: 21 } },
    { findings: { ...findings, altered: 1 } },
    { findings: { ...findings, unasked: 1 } },
    { views: undefined },
    { views: { ...views!, events: 2 } },
    { views: { ...views!, delivered: 2 } },
    { views: { ...views!, unfinished: 1 } },
    { views: { ...views!, holes: 1 } },
    { views: { ...views!, early: 1 } },
    { views: { ...views!, apart: 1 } },
    { unaccounted: ["try_lost dlv_1"] },
    { problems: ["its own"] },
    { badEnd: "delivery ended with 1" },
  ]
  expect(broken.map((each) => problemsOf({ ...KEPT, ...each }).length)).toEqual(broken.map(() => 1))
})

test("views that cannot have seen everything are compared with nothing", () => {
  const lacking = { ...KEPT, scenario: { ...KEPT.scenario, viewsLack: true as const }, views: { ...KEPT.views!, unfinished: 1, apart: 1 } }
  expect(problemsOf(lacking)).toEqual([])
})

test("the table has a line for each scenario and the sum of all kills", () => {
  const lines = tableOf([KEPT, KEPT]).split("\n")
  expect(lines[2]).toBe("| example | 2 | 3 | 1 | 1 | 3 | 0 | 20 (≤ 20) | 0 | 0 | 0 | 0 | 0 | 1.2 s | 40 s | kept |")
  expect(lines.at(-1)).toBe("2 scenarios, 6 processes killed.")
  expect(killsOf([KEPT, KEPT])).toBe(6)
})
