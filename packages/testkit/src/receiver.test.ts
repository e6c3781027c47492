import { request } from "node:http"
import { expect, it } from "vitest"
import { answer, byPath, failFirst, hang, redirectTo, reset, startReceiver } from "./receiver.ts"

it("records what it is sent, and behaves by path and by count", async () => {
  const behaviour = byPath({ "/flaky": failFirst(1), "/gone": answer(410), "/moved": redirectTo("/flaky"), "/reset": reset })
  await using receiver = await startReceiver({ behaviour })
  const status = (path: string): Promise<number | string> => post(`${receiver.url}${path}`, "a\u0000b")
  expect([
    await status("/flaky?a=b"),
    await status("/gone"),
    await status("/flaky"),
    await status("/moved"),
    await status("/else"),
  ]).toEqual([500, 410, 200, 302, 404])
  expect(await status("/reset")).toBe("ECONNRESET")
  expect(receiver.requests[0]).toMatchObject({ method: "POST", path: "/flaky?a=b", body: Buffer.from("a\u0000b") })
  expect(receiver.count).toBe(6)
})

it("resolves a wait when it holds, and rejects one that does not with what came", async () => {
  await using receiver = await startReceiver()
  const two = receiver.waitFor((requests) => requests.length === 2)
  await post(`${receiver.url}/first`, "")
  await expect(receiver.waitFor((requests) => requests.length === 2, 1)).rejects.toThrow("1 requests, the last POST /first")
  await post(`${receiver.url}/second`, "")
  expect(await two).toHaveLength(2)
})

it("changes its behaviour, counts without keeping, and stops although a request hangs", async () => {
  const receiver = await startReceiver({ behaviour: answer(503), keep: false })
  expect(await post(receiver.url, "")).toBe(503)
  receiver.behave(hang)
  const hanging = post(receiver.url, "")
  while (receiver.count < 2) await new Promise(setImmediate)
  await receiver.stop()
  expect(await hanging).toBe("ECONNRESET")
  expect(receiver.requests).toHaveLength(0)
})

function post(url: string, body: string): Promise<number | string> {
  return new Promise((resolve) => {
    const sending = request(url, { method: "POST", agent: false }, (response) => resolve(response.resume().statusCode ?? 0))
    sending.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    sending.end(body)
  })
}
