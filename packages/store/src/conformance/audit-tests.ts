import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { isRefusal } from "@posthorn/core"
import { AuditOutcome, ListAuditLogRequestSchema, type AuditEntry, type ListAuditLogRequest } from "@posthorn/proto"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Tenancy } from "../status-store.ts"
import { projectRecords } from "./project-records.ts"
import {
  applicationChange,
  applicationOf,
  CANARY,
  controlOf,
  deletion,
  deliveryOf,
  idOf,
  keyChange,
  NOON_MS,
  recordsOf,
  refusalOf,
  subscriptionChange,
  subscriptionOf,
  type SampleEvent,
} from "./sample-history.ts"
import type { StoreFixture, StoreUnderTest } from "./store-fixture.ts"

const EVERY: Tenancy = "every application"
const SAMPLE: SampleEvent = { number: 1, application: 1, subscription: 1, statuses: [], end: "none" }
const subscription = { subscription: 1, application: 1 }
const HISTORY = [
  applicationChange(1, 0),
  applicationChange(2, 0),
  subscriptionChange(subscription, 0),
  subscriptionChange(subscription, 1),
  keyChange({ key: 1, application: 2 }, 0),
  deletion(subscriptionOf(1), 2),
  subscriptionChange(subscription, 0),
  controlOf(SAMPLE, "cancel"),
  ...[1, 2, 3].map((application, number) => refusalOf(number + 1, application - 1)),
]

export function auditTests(fixture: () => StoreFixture): void {
  describe("audit log", () => {
    let under: StoreUnderTest
    beforeAll(async () => {
      under = await fixture().openEmpty()
      await projectRecords(under.store, recordsOf(HISTORY))
    }, 60_000)
    afterAll(() => under.close())

    async function list(tenancy: Tenancy, fields: Partial<Omit<ListAuditLogRequest, "$typeName" | "$unknown">> = {}) {
      const answer = await under.store.listAuditLog(tenancy, create(ListAuditLogRequestSchema, { pageSize: 200, ...fields }))
      if (isRefusal(answer)) throw new Error(answer.message)
      return answer
    }
    const told = ({ action, kind, version }: AuditEntry) => `${action} ${kind} ${version}`

    test("every change shows what it made of the entity, and what that was before", async () => {
      const { entries } = await list(EVERY, { entityId: subscriptionOf(1) })
      const changes = entries.map((entry) => [told(entry), entry.before?.["description"], entry.after?.["description"]])
      expect(changes.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))).toEqual([
        ["created subscription 1", undefined, "version 1"],
        ["created subscription 1", undefined, "version 1"],
        ["deleted subscription 2", "version 2", undefined],
        ["updated subscription 2", "version 1", "version 2"],
      ])
    })

    test("secrets and values of headers are not shown, but that they have changed is", async () => {
      const { entries } = await list(EVERY, { entityId: subscriptionOf(1), action: "updated" })
      expect(JSON.stringify(await list(EVERY), (_, value) => (typeof value === "bigint" ? String(value) : value))).not.toContain(CANARY)
      expect(entries).toHaveLength(1)
      const state = (version: number) => ({
        headers: { authorization: "***", "x-plain": "***" },
        secrets: [{ fingerprint: `print ${version}` }],
        source: { scheme: "hub", secret: `source print ${version}` },
      })
      expect(entries[0]).toMatchObject({ before: state(1), after: state(2) })
    })

    test("an application is shown what is its own, refusals included; those of nobody only to the operator", async () => {
      const own = (await list({ applicationId: applicationOf(1) })).entries
      expect(new Set(own.map(({ applicationId }) => applicationId))).toEqual(new Set([applicationOf(1)]))
      expect(own.map(told).toSorted()).toEqual([
        "cancelled delivery 1",
        "created application 1",
        "created subscription 1",
        "created subscription 1",
        "deleted subscription 2",
        "refused dead_letter 0",
        "updated subscription 2",
      ])
      const refused = (await list(EVERY, { outcome: AuditOutcome.REFUSED })).entries
      expect(refused.map(({ applicationId, actor, code, leftOut }) => [applicationId, actor, code, leftOut])).toEqual([
        [applicationOf(2), idOf("key", 2), "permission_denied", 3n],
        [applicationOf(1), idOf("key", 1), "permission_denied", 2n],
        ["", "anonymous", "unauthenticated", 1n],
      ])
      expect(refused[0]).toMatchObject({
        method: "posthorn.v1.DeadLetterService/RedriveDeadLetters",
        remoteAddress: "192.0.2.1",
        requestId: "request 3",
      })
    })

    test.each<[string, Partial<ListAuditLogRequest>, string[]]>([
      ["actor", { actor: idOf("key", 1) }, ["refused dead_letter 0"]],
      ["kind", { kind: "key" }, ["created key 1"]],
      ["entity", { entityId: deliveryOf(SAMPLE) }, ["cancelled delivery 1"]],
      ["action", { action: "deleted" }, ["deleted subscription 2"]],
      ["outcome", { outcome: AuditOutcome.DONE, action: "refused" }, []],
      ["since", { since: timestampFromMs(NOON_MS + 3) }, ["refused dead_letter 0"]],
      ["until", { until: timestampFromMs(NOON_MS) }, []],
    ])("lists the entries that match: filter %s", async (_, fields, expected) => {
      expect((await list(EVERY, fields)).entries.map(told)).toEqual(expected)
    })

    test("every entry is on exactly one page, also those of one moment", async () => {
      const all = (await list(EVERY)).entries.map(({ id }) => id)
      const seen: string[] = []
      for (let pageToken = "", pages = 0; pages === 0 || pageToken !== ""; pages++) {
        const page = await list(EVERY, { pageSize: 4, pageToken })
        seen.push(...page.entries.map(({ id }) => id))
        pageToken = page.nextPageToken
      }
      expect(seen).toEqual(all)
      expect(seen).toHaveLength(HISTORY.length)
    })

    test("a request that was carried out is known to whoever decides about later changes", async () => {
      const [change] = recordsOf([applicationChange(9, 0)]).map((record) => ({ ...record, offset: 500 }))
      if (change?.topic !== "config") throw new Error("a change of config")
      await projectRecords(under.store, [
        { ...change, message: { ...change.message, command: { $typeName: "posthorn.log.v1.Command", name: "cmd_x", content: "" } } },
      ])
      expect(await under.store.knownEntities(["cmd_x", "cmd_y"])).toEqual([
        { kind: "command", id: "cmd_x", applicationId: "", version: 500 },
      ])
    })
  })
}
