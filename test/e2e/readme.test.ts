import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { eventually } from "@posthorn/testkit"
import { afterAll, beforeAll, expect, test } from "vitest"
import { apiOf } from "./api.ts"
import { startStandalone, type Installation } from "./installation.ts"

const ROOT = join(import.meta.dirname, "../..")
let posthorn: Installation

beforeAll(async () => {
  posthorn = await startStandalone()
})
afterAll(() => posthorn.stop())

/** Runs shell as it would be pasted, in the folder in which Posthorn was started. */
async function paste(script: string): Promise<string> {
  const { stdout } = await promisify(execFile)("bash", ["-euo", "pipefail", "-c", script], { cwd: posthorn.directory, timeout: 60_000 })
  return stdout
}

test("the curl that the start prints is delivered to the test receiver and visible in the list of deliveries", async () => {
  const curls = posthorn
    .output()
    .split("\n")
    .filter((line) => line.startsWith("  curl "))
  expect(curls).toHaveLength(2)
  expect(JSON.parse(await paste(curls[0] ?? ""))).toMatchObject({ id: expect.stringMatching(/^evt_/) })
  const list = await eventually(
    async () => {
      const answer = await paste(curls[1] ?? "")
      expect(JSON.parse(answer)).toMatchObject({ deliveries: [{ state: "delivered", lastStatusCode: 200, eventType: "test.ping" }] })
      return answer
    },
    { timeoutMs: 20_000, intervalMs: 200, what: "the delivery in the list" },
  )
  expect(list).not.toBe("")
})

test("the commands of the README do what it says", async () => {
  const readme = await readFile(join(ROOT, "README.md"), "utf8")
  const blocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text = ""]) => text).filter((text) => text.includes("curl"))
  expect(blocks).toHaveLength(3)
  const script = blocks.join("\n").replaceAll("http://127.0.0.1:8080", posthorn.httpUrl)
  const output = await paste(`${script}\necho; echo "application $APP"`)
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
