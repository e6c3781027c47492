import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { eventually } from "@posthorn/testkit"
import { afterAll, beforeAll, expect, test } from "vitest"
import { apiOf } from "./api.ts"
import { startStandalone, type Installation } from "./installation.ts"
import { commandsOf, paste } from "./pasted-commands.ts"

const ROOT = join(import.meta.dirname, "../..")
let posthorn: Installation

beforeAll(async () => {
  posthorn = await startStandalone()
})
afterAll(() => posthorn.stop())

test("the curl that the start prints is delivered to the test receiver and visible in the list of deliveries", async () => {
  const curls = posthorn
    .output()
    .split("\n")
    .filter((line) => line.startsWith("  curl "))
  expect(curls).toHaveLength(2)
  expect(JSON.parse(await paste(curls[0] ?? "", posthorn))).toMatchObject({ id: expect.stringMatching(/^evt_/) })
  const list = await eventually(
    async () => {
      const answer = await paste(curls[1] ?? "", posthorn)
      expect(JSON.parse(answer)).toMatchObject({ deliveries: [{ state: "delivered", lastStatusCode: 200, eventType: "test.ping" }] })
      return answer
    },
    { timeoutMs: 20_000, intervalMs: 200, what: "the delivery in the list" },
  )
  expect(list).not.toBe("")
})

test("the commands of the README do what it says", async () => {
  const commands = commandsOf(await readFile(join(ROOT, "README.md"), "utf8"))
  expect(commands).toHaveLength(3)
  const output = await paste(`${commands.join("\n")}\necho; echo "application $APP"`, posthorn)
  const application = /application (app_\w+)/.exec(output)?.[1]
  const operator = apiOf(posthorn, posthorn.adminKey)
  await eventually(
    async () => {
      const { deliveries } = await operator.must<{ deliveries: object[] }>("GET", `/v1/deliveries?applicationId=${application}`)
      expect(deliveries).toMatchObject([{ eventType: "order.created", state: "delivered" }])
    },
    { timeoutMs: 20_000, intervalMs: 200, what: "the README's event at the receiver" },
  )
  const { subscriptions } = await operator.must<{ subscriptions: object[] }>("GET", `/v1/applications/${application}/subscriptions`)
  expect(subscriptions).toMatchObject([{ source: { scheme: "hub" } }, { eventTypes: ["order.*"] }])
})
