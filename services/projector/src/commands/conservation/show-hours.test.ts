import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { ConservationHourSchema, FindingKind } from "@posthorn/proto"
import { expect, test } from "vitest"
import { showHours } from "./show-hours.ts"

const AT_MS = Date.UTC(2031, 4, 6, 12)

test("an hour is a line of its counts, and what is missing or late in it a line each, with where it is in the log", () => {
  const hour = create(ConservationHourSchema, {
    applicationId: "app_1",
    hour: timestampFromMs(AT_MS),
    accepted: 12n,
    finished: 9n,
    onTheirWay: 1n,
    unmatched: 1n,
    missing: 1n,
    findings: [
      {
        kind: FindingKind.TRY_LOST,
        deliveryId: "dlv_1",
        eventId: "evt_1",
        reason: "Gone.",
        lastRecord: { topic: "attempts", partition: 1, offset: 7n, appendedAt: timestampFromMs(AT_MS) },
      },
      { kind: FindingKind.NOT_ROUTED, eventId: "evt_2", reason: "Silence." },
    ],
    findingCount: 3n,
    late: [{ deliveryId: "dlv_3", reason: "It waits at retry.1m/0/4." }],
  })
  expect(showHours([hour])).toEqual([
    "hour           application  accepted  finished  on their way  unmatched  not routed yet  missing",
    "2031-05-06T12  app_1        12        9         1             1          0               1",
    "  try_lost dlv_1: Gone. Last record: attempts/1/7 of 2031-05-06T12:00:00.000Z.",
    "  not_routed evt_2: Silence.",
    "  … and 1 more",
    "  late dlv_3: It waits at retry.1m/0/4.",
  ])
})
