import { expect, test } from "vitest"
import { randomFrom } from "./random.ts"
import { VirtualTime } from "./virtual-time.ts"

async function inVirtualTime(work: (time: VirtualTime) => Promise<void>): Promise<void> {
  const time = new VirtualTime(randomFrom(1))
  const restore = time.install()
  try {
    await time.run(work(time))
  } finally {
    restore()
  }
}

test("whoever is frozen misses nothing: it happens when they thaw, in its order, and to nobody else later than it should", async () => {
  const [one, other] = [{}, {}]
  const seen: string[] = []
  await inVirtualTime(async (time) => {
    const note = (what: string) => () => void seen.push(`${what} at ${time.monotonicMs() >= 9000 ? "thaw" : "its time"}`)
    for (const ms of [3000, 1000, 2000]) time.inside(one, () => setTimeout(note(`one ${ms}`), ms))
    time.inside(other, () => setTimeout(note("other 1500"), 1500))
    const cancelled = time.inside(one, () => setTimeout(note("cancelled"), 1500))
    time.freeze(one)
    await time.sleep(9000)
    clearTimeout(cancelled)
    time.thaw(one)
    await time.sleep(1000)
  })
  expect(seen).toEqual(["other 1500 at its time", "one 1000 at thaw", "one 2000 at thaw", "one 3000 at thaw"])
})

test("a wall clock that jumps is one's own, through all that one awaits", async () => {
  const [one, other] = [{}, {}]
  const ahead: number[] = []
  await inVirtualTime(async (time) => {
    const wait = async () => {
      await time.sleep(100)
      return Date.now() - time.nowMs()
    }
    const [first, second] = [time.inside(one, wait), time.inside(other, wait)]
    time.jump(one, -3_600_000)
    ahead.push(await first, await second, Date.now() - time.nowMs())
  })
  expect(ahead).toEqual([-3_600_000, 0, 0])
})
