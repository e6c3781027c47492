import { expect, test } from "vitest"
import { Lifecycle } from "./lifecycle.ts"

const part = (name: string, log: string[], stop: () => void | Promise<void> = () => {}) => ({
  name,
  start: () => log.push(`+${name}`),
  stop: () => {
    log.push(`-${name}`)
    return stop()
  },
})

test("parts stop in the reverse of the order in which they started", async () => {
  const lifecycle = new Lifecycle()
  const log: string[] = []
  for (const name of ["log", "store", "http"]) await lifecycle.start(part(name, log))
  expect(await lifecycle.stopAll(1000)).toEqual([])
  expect(log).toEqual(["+log", "+store", "+http", "-http", "-store", "-log"])
})

test("a part that fails to start, fails to stop or hangs does not keep the others running", async () => {
  const lifecycle = new Lifecycle()
  const log: string[] = []
  await lifecycle.start(part("first", log))
  await lifecycle.start(part("hangs", log, () => new Promise(() => {})))
  await lifecycle.start(
    part("throws", log, () => {
      throw new Error("no")
    }),
  )
  await expect(lifecycle.start({ name: "broken", start: () => Promise.reject(new Error("cannot")), stop: () => {} })).rejects.toThrow(
    "cannot",
  )
  const problems = await lifecycle.stopAll(30)
  expect(problems.map((problem) => problem.part)).toEqual(["throws", "hangs"])
  expect(log.slice(3)).toEqual(["-throws", "-hangs", "-first"])
})

test("what finishes starting after the end was asked for is stopped too, and nothing starts after it", async () => {
  const lifecycle = new Lifecycle()
  const log: string[] = []
  const slow = Promise.withResolvers<void>()
  const started = lifecycle.start({ ...part("slow", log), start: () => slow.promise })
  lifecycle.end()
  slow.resolve()
  await expect(started).rejects.toThrow("to stop")
  await expect(lifecycle.start(part("later", log))).rejects.toThrow("to stop")
  await lifecycle.stopAll(1000)
  expect(log).toEqual(["-slow"])
})

test("only the first reason to end counts", async () => {
  const lifecycle = new Lifecycle()
  const error = new Error("the log is gone")
  lifecycle.fail(error)
  lifecycle.end()
  expect(await lifecycle.ended).toEqual({ kind: "failed", error })
  expect(lifecycle.signal.aborted).toBe(true)
})
