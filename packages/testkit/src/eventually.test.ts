import { expect, test } from "vitest"
import { eventually } from "./eventually.ts"

test("resolves to the first answer that holds, after failures and refusals", async () => {
  let calls = 0
  const answer = await eventually(() => {
    calls++
    if (calls === 1) throw new Error("not yet")
    return calls >= 3 && `call ${calls}`
  })
  expect(answer).toBe("call 3")
})

test("a block of assertions holds when it does not throw", async () => {
  await eventually(() => {
    expect(1).toBe(1)
  })
})

test("gives up with what was waited for and the last failure, also when a check hangs", async () => {
  const cause = new Error("still 4")
  await expect(eventually(() => Promise.reject(cause), { timeoutMs: 60, what: "the queue to drain" })).rejects.toMatchObject({
    message: "the queue to drain did not hold within 60 ms",
    cause,
  })
  await expect(eventually(() => new Promise(() => {}), { timeoutMs: 30 })).rejects.toThrow("the condition")
})

test("gives up on a check that always throws at once", async () => {
  const check = (): never => {
    throw new Error("never")
  }
  await expect(eventually(check, { timeoutMs: 50, intervalMs: 5 })).rejects.toThrow("did not hold")
})
