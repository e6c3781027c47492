import { EVENT_TOPICS, type Finding } from "@posthorn/core"
import { afterAll, beforeAll, expect, test } from "vitest"
import { deliveriesOf, ok, type Tenant } from "../../deliveries-under-test.ts"
import { startInstallation, type GatewayUnderTest, type Installation } from "../../gateway-under-test.ts"
import { project } from "../../projecting-under-test.ts"

const HOUR_MS = 3600 * 1000

let installation: Installation
let gateway: GatewayUnderTest
let under: ReturnType<typeof deliveriesOf>
let [one, other]: Tenant[] = []
beforeAll(async () => {
  installation = await startInstallation()
  gateway = await installation.gateway()
  under = deliveriesOf(installation, gateway)
  ;[one, other] = [await under.tenant(), await under.tenant()]
  await under.sent(one)
  await under.sent(other)
  await check()
})
afterAll(async () => {
  await gateway?.stop()
  await installation?.stop()
})

/** A check of everything, which finds what it is given. */
async function check(findings: readonly Finding[] = []): Promise<void> {
  const { log, store } = installation
  await project(log, store)
  const nowMs = Date.now()
  const ends = await Promise.all(EVENT_TOPICS.map(async (topic) => (await log.ends(topic)).map((each) => ({ topic, ...each }))))
  const routed = ends.flat().map(({ topic, partition, high: offset }) => ({ topic, partition, offset }))
  for (const hourMs of await store.openHours({ beganBeforeMs: nowMs, nowMs })) {
    await store.lookAt({ hourMs, nowMs, routed })
    const own = findings.filter(({ acceptedAtMs }) => acceptedAtMs >= hourMs && acceptedAtMs < hourMs + HOUR_MS)
    await store.closeLook(
      hourMs,
      own.map((finding) => ({ finding, sequence: undefined, appendedAtMs: hourMs })),
      nowMs,
    )
  }
  await store.closeCheck(nowMs)
}

const read = async (query = "", key?: string) => gateway.ask(`GET /v1/audit/conservation?${query}`, key === undefined ? {} : { key })
const applications = (body: { hours: { applicationId: string }[] }) => new Set(body.hours.map(({ applicationId }) => applicationId))

test("a viewer sees what became of its application's events, and of nobody else's", async () => {
  const own = ok(await read("", one!.viewer))
  expect(applications(own)).toEqual(new Set([one!.application]))
  expect(own.checkedAt).toBeDefined()
  const counts = own.hours.map(({ accepted, onTheirWay }: Record<string, string>) => [accepted, onTheirWay])
  expect(counts).toEqual([["1", "1"]])
  expect(own.hours[0]).toMatchObject({ deliveries: { waiting: "1" }, settled: false, nextDueAt: expect.any(String) })
  expect((await read(`applicationId=${other!.application}`, one!.viewer)).status).toBe(404)
  expect((await read("applicationId=app_nobody", one!.viewer)).status).toBe(404)
  expect(applications(ok(await read()))).toEqual(new Set([one!.application, other!.application]))
  expect(applications(ok(await read(`applicationId=${other!.application}`)))).toEqual(new Set([other!.application]))
  const { token: sender } = ok(await under.post(`/v1/applications/${one!.application}/keys`, { role: "sender", name: "s" }))
  expect((await read("", sender)).status).toBe(403)
})

test("a finding is shown with what is missing and the last record that is known of it; hours can be asked for that have one", async () => {
  expect(ok(await read("onlyFindings=true", one!.viewer)).hours ?? []).toEqual([])
  const { id, facts } = await under.sent(one!)
  const acceptedAtMs = Number(facts.createdAt?.seconds) * 1000
  const { applicationId, eventId, subscriptionId } = facts
  const place = { topic: "attempts", partition: 1, offset: 7 } as const
  await check([
    { kind: "attempts_with_holes", applicationId, eventId, deliveryId: id, subscriptionId, acceptedAtMs, reason: "gone", place },
  ])
  const { hours } = ok(await read("onlyFindings=true", one!.viewer))
  expect(hours).toMatchObject([
    {
      findingCount: "1",
      findings: [
        {
          kind: "attempts-with-holes",
          eventId,
          deliveryId: id,
          subscriptionId,
          reason: "gone",
          lastRecord: { topic: "attempts", partition: 1, offset: "7", appendedAt: expect.any(String) },
          foundAt: expect.any(String),
        },
      ],
    },
  ])
  expect((await read("pageToken=nonsense", one!.viewer)).status).toBe(400)
  expect((await read("pageSize=201", one!.viewer)).status).toBe(400)
})
