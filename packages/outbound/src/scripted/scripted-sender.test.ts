import { ErrorClass } from "@posthorn/proto"
import { afterEach, expect, it, vi } from "vitest"
import { describeSender, requestTo } from "../conformance/sender-conformance.ts"
import { createScriptedSender } from "./scripted-sender.ts"

describeSender("the scripted sender", (behaviour) => {
  const sender = createScriptedSender(() => (behaviour.kind === "reset" ? { kind: "none", errorClass: ErrorClass.CONNECT } : behaviour))
  return Promise.resolve({
    sender,
    url: "https://hooks.example.com/",
    requestCount: () => sender.requests.length,
    stop: () => Promise.resolve(),
  })
})

afterEach(() => {
  vi.useRealTimers()
})

it("plays its script by request and by a clock that a test can drive", async () => {
  vi.useFakeTimers()
  const sender = createScriptedSender((request, nth) => ({
    kind: "answer",
    statusCode: request.method === "PUT" ? 500 : 200,
    delayMs: nth * 100,
  }))
  const slow = sender.send(requestTo("https://a.example.com/", { method: "PUT" }))
  const late = sender.send(requestTo("https://b.example.com/", { timeoutMs: 150 }))
  expect(sender.underWay).toBe(2)
  await vi.advanceTimersByTimeAsync(100)
  expect(sender.underWay).toBe(1)
  await vi.advanceTimersByTimeAsync(50)
  expect(await slow).toMatchObject({ statusCode: 500 })
  expect(await late).toMatchObject({ errorClass: ErrorClass.TIMEOUT })
})
