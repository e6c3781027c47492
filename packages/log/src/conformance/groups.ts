import { limits, type Topic } from "@posthorn/core"
import { eventually } from "@posthorn/testkit"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import type { LogRecord, OwnedPartition } from "../event-log.ts"
import { committed, committedReaches, patience, Recorder, series, testTimeoutMs, text, topic, type LogFixture } from "./fixture.ts"

export function groupsConformance(open: () => Promise<LogFixture>): void {
  test(
    "a group is handed every record of its topics in order, those from before it first joined included",
    { timeout: testTimeoutMs },
    async () => {
      const fixture = await open()
      const { log } = fixture
      const recorder = new Recorder({ finishAtOnce: true })
      await log.append([...series(0, 600, "early"), ...series(3, 5, "early")])
      const member = await log.join({ group: "workers", topics: [topic], handler: recorder })
      await eventually(() => recorder.gained.length === log.partitions(topic), patience)
      const other = await fixture.openAnother()
      await other.append([...series(0, 5, "late"), { topic, partition: 3, key: "", value: new Uint8Array() }])
      await eventually(() => recorder.seen.length === 611, patience)
      expect(recorder.texts(0)).toEqual([...series(0, 600, "early"), ...series(0, 5, "late")].map(text))
      expect(recorder.texts(3)).toEqual([...series(3, 5, "early").map(text), ""])
      expect(Date.now() - member.lastContactMs).toBeLessThan(limits.SESSION_TIMEOUT_MS)
      const { high } = (await log.ends(topic))[0]!
      await committedReaches(log, "workers", 0, high)
      expect((await log.lag("strangers", [topic]))[0]).toEqual({ topic, partition: 0, committed: 0, high })
    },
  )

  test(
    "I8: a committed offset never passes an unfinished record, and exactly what follows it is handed over again",
    { timeout: testTimeoutMs },
    async () => {
      const fixture = await open()
      const { log } = fixture
      const count = 60
      const positions = await log.append(series(1, count))
      const offsets = positions.map(({ offset }) => offset)
      // Different on every run; the seed is in the message of a failure.
      const seed = Date.now()
      const [order] = fc.sample(fc.shuffledSubarray(offsets, { minLength: count - 10, maxLength: count }), { numRuns: 1, seed })
      const finished = new Set<number>()
      const firstLeft = () => offsets.find((offset) => !finished.has(offset)) ?? offsets.at(-1)! + 1
      const recorder = new Recorder({ finishAtOnce: false })
      const member = await log.join({ group: "workers", topics: [topic], handler: recorder })
      await eventually(() => recorder.texts(1).length === count, patience)
      for (const [turn, offset] of order!.entries()) {
        recorder.partition(1).finish(offset)
        finished.add(offset)
        if (turn % 10 === 0) expect(await committed(log, "workers", 1), `seed ${seed}`).toBeLessThanOrEqual(firstLeft())
      }
      await committedReaches(log, "workers", 1, firstLeft() === offsets[0] ? 0 : firstLeft())
      await member.leave()
      expect(await committed(log, "workers", 1), `seed ${seed}`).toBe(firstLeft() === offsets[0] ? 0 : firstLeft())
      // Work that ends after leaving does not count.
      for (const offset of offsets) recorder.partition(1).finish(offset)
      const again = new Recorder({ finishAtOnce: true })
      await log.join({ group: "workers", topics: [topic], handler: again })
      await committedReaches(log, "workers", 1, offsets.at(-1)! + 1)
      expect(again.texts(1), `seed ${seed}`).toEqual(
        series(1, count)
          .map(text)
          .slice(offsets.indexOf(firstLeft()) === -1 ? count : offsets.indexOf(firstLeft())),
      )
    },
  )

  test("a full window holds back its own partition and no other, and finishing opens it again", { timeout: testTimeoutMs }, async () => {
    const fixture = await open()
    const { log } = fixture
    const recorder = new Recorder({ finishAtOnce: false })
    await log.append([...series(0, 50), ...series(1, 5)])
    await log.join({ group: "workers", topics: [topic], handler: recorder, window: () => ({ records: 10 }) })
    await eventually(() => recorder.texts(0).length === 10 && recorder.texts(1).length === 5, patience)
    await log.append(series(1, 5, "more"))
    await eventually(() => recorder.texts(1).length === 10, patience)
    expect(recorder.texts(0)).toHaveLength(10)
    let finished = 0
    await eventually(() => {
      const unfinished = recorder.seen.filter((each) => each.partition === 0).slice(finished)
      expect(unfinished.length).toBeLessThanOrEqual(10)
      for (const each of unfinished) recorder.partition(0).finish(each.offset)
      finished += unfinished.length
      return finished === 50
    }, patience)
    expect(recorder.texts(0)).toEqual(series(0, 50).map(text))
  })

  test("the window is bounded in bytes", { timeout: testTimeoutMs }, async () => {
    const fixture = await open()
    const { log } = fixture
    const recorder = new Recorder({ finishAtOnce: false })
    const value = Buffer.alloc(limits.PAYLOAD_BYTES_MAX)
    const count = Math.ceil(limits.WINDOW_BYTES_MAX / value.byteLength) + 10
    await log.append(Array.from({ length: count }, () => ({ topic, partition: 2, key: "", value }) as const))
    await log.join({ group: "workers", topics: [topic], handler: recorder })
    await eventually(() => recorder.seen.length >= count - 10, patience)
    expect(recorder.seen.length * value.byteLength).toBeLessThanOrEqual(limits.WINDOW_BYTES_MAX + value.byteLength)
    let finished = 0
    await eventually(() => {
      for (const each of recorder.seen.slice(finished)) recorder.partition(2).finish(each.offset)
      finished = recorder.seen.length
      return finished === count
    }, patience)
  })

  test(
    "members share partitions evenly, one number one owner, and what one gives up the other goes on with",
    { timeout: testTimeoutMs },
    async () => {
      const fixture = await open()
      const topics: readonly Topic[] = [topic, "deliveries.bulk"]
      const [a, b] = [new Recorder({ finishAtOnce: true }), new Recorder({ finishAtOnce: true })]
      const first = await fixture.log.join({ group: "workers", topics, handler: a })
      await fixture.log.append(series(0, 10))
      await committedReaches(fixture.log, "workers", 0, 10)
      const second = await (await fixture.openAnother()).join({ group: "workers", topics, handler: b })
      const numbers = (owned: readonly OwnedPartition[]) => owned.map((each) => `${each.topic}/${each.partition}`).toSorted()
      const all = topics
        .flatMap((each) => Array.from({ length: fixture.log.partitions(each) }, (_, index) => `${each}/${index}`))
        .toSorted()
      await eventually(() => {
        expect([...numbers(first.owned()), ...numbers(second.owned())].toSorted()).toEqual(all)
        expect(Math.abs(first.owned().length - second.owned().length)).toBeLessThanOrEqual(topics.length)
      }, patience)
      for (const member of [first, second]) {
        const [one, two] = topics.map((each) => new Set(member.owned().flatMap((owned) => (owned.topic === each ? [owned.partition] : []))))
        expect(one).toEqual(two)
      }
      await fixture.log.append([0, 1, 2, 3].flatMap((partition) => series(partition, 5, "shared")))
      await eventually(() => a.seen.length + b.seen.length >= 30, patience)
      for (let partition = 0; partition < 4; partition++)
        await committedReaches(fixture.log, "workers", partition, partition === 0 ? 15 : 5)
      await first.leave()
      await eventually(() => expect(numbers(second.owned())).toEqual(all), patience)
      await fixture.log.append([0, 1, 2, 3].flatMap((partition) => series(partition, 1, "alone")))
      await eventually(() => [0, 1, 2, 3].every((partition) => b.texts(partition).includes("alone-0")), patience)
      // Nothing failed, so nothing is handed over twice.
      const seen = [...a.seen, ...b.seen].map((each) => `${each.partition}/${each.offset}`)
      expect(seen).toHaveLength(34)
      expect(new Set(seen).size).toBe(34)
    },
  )

  test("a member that dies is replaced, loses nothing, and cannot commit once it wakes up", { timeout: testTimeoutMs }, async () => {
    const fixture = await open()
    const { log, cutOff, restore } = await fixture.openFragile()
    await fixture.log.append([0, 1, 2, 3].flatMap((partition) => series(partition, 20)))
    const dead = new Recorder({ finishAtOnce: false })
    await log.join({ group: "workers", topics: [topic], handler: dead })
    await eventually(() => dead.seen.length === 80, patience)
    const offsets = dead.seen.filter((each) => each.partition === 0).map((each) => each.offset)
    for (const offset of offsets.slice(0, 7)) dead.partition(0).finish(offset)
    await committedReaches(fixture.log, "workers", 0, offsets[7]!)
    await cutOff()
    const zombieHold = dead.partition(0)
    const heir = new Recorder({ finishAtOnce: false })
    await fixture.log.join({ group: "workers", topics: [topic], handler: heir })
    await eventually(() => heir.seen.length === 73, patience)
    expect(heir.texts(0)).toEqual(series(0, 20).slice(7).map(text))
    heir.partition(0).finish(offsets[7]!)
    await committedReaches(fixture.log, "workers", 0, offsets[8]!)
    for (const offset of offsets) zombieHold.finish(offset)
    await restore()
    await eventually(() => zombieHold.signal.aborted, patience)
    await eventually(() => log.ping(), patience)
    // The next thing that the survivor commits shows that the zombie's commit has not come through before it.
    expect(await committed(fixture.log, "workers", 0)).toBe(offsets[8]!)
  })

  test("giving up waits for work under way, so nothing is done twice", { timeout: testTimeoutMs }, async (context) => {
    const fixture = await open()
    if (!fixture.drains) return context.skip("this log takes partitions away without waiting")
    const drained: number[] = []
    class Draining extends Recorder {
      async revoked(partition: OwnedPartition): Promise<void> {
        expect(partition.signal.aborted).toBe(true)
        await new Promise((resolve) => setImmediate(resolve))
        for (const each of this.seen) if (each.partition === partition.partition) partition.finish(each.offset)
        drained.push(partition.partition)
      }
    }
    const slow = new Draining({ finishAtOnce: false })
    await fixture.log.join({ group: "workers", topics: [topic], handler: slow })
    await fixture.log.append([0, 1, 2, 3].flatMap((partition) => series(partition, 4)))
    await eventually(() => slow.seen.length === 16, patience)
    const heir = new Recorder({ finishAtOnce: true })
    const second = await (await fixture.openAnother()).join({ group: "workers", topics: [topic], handler: heir })
    await eventually(() => second.owned().length === 2, patience)
    expect(new Set(drained)).toEqual(new Set(second.owned().map((each) => each.partition)))
    const [moved] = second.owned()
    await fixture.log.append(series(moved!.partition, 1, "after"))
    await eventually(() => heir.seen.length > 0, patience)
    expect(heir.seen.map(text)).toEqual(["after-0"])
  })

  test("seek hands over again from that offset on", { timeout: testTimeoutMs }, async () => {
    const fixture = await open()
    const { log } = fixture
    const positions = await log.append(series(0, 30))
    const recorder = new Recorder({ finishAtOnce: true })
    await log.join({ group: "workers", topics: [topic], handler: recorder })
    await committedReaches(log, "workers", 0, positions[29]!.offset + 1)
    recorder.partition(0).seek(positions[10]!.offset)
    await eventually(() => recorder.seen.length === 50, patience)
    expect(recorder.texts(0)).toEqual([...series(0, 30), ...series(0, 30).slice(10)].map(text))
    await log.append(series(0, 1, "next"))
    await eventually(() => recorder.seen.length === 51, patience)
    await committedReaches(log, "workers", 0, positions[29]!.offset + 2)
  })

  test("records wait until assigned has answered, and start where it says", { timeout: testTimeoutMs }, async () => {
    const fixture = await open()
    const { log } = fixture
    const positions = await log.append(series(0, 30))
    const gate = Promise.withResolvers<number>()
    const seen: LogRecord[] = []
    await log.join({
      group: "projector",
      topics: [topic],
      handler: {
        assigned: async ({ partition }, committedOffset) => {
          expect(committedOffset).toBe(0)
          return partition === 0 ? gate.promise : undefined
        },
        records: (_, records) => seen.push(...records),
        failed: (error) => gate.reject(error),
      },
    })
    await log.append(series(1, 1))
    await eventually(() => seen.length === 1, patience)
    expect(seen.map(text)).toEqual(["p1-0"])
    gate.resolve(positions[20]!.offset)
    await eventually(() => seen.length === 11, patience)
    expect(seen.slice(1).map(text)).toEqual(series(0, 30).slice(20).map(text))
  })

  test.each(["records", "assigned"] as const)(
    "a handler that throws in %s fails once, and another member takes over",
    { timeout: testTimeoutMs },
    async (where) => {
      const fixture = await open()
      await fixture.log.append(series(0, 5))
      let thrown = 0
      const failures: Error[] = []
      const broken = () => {
        thrown++
        throw new Error("broken")
      }
      await fixture.log.join({
        group: "workers",
        topics: [topic],
        handler: {
          assigned: async ({ partition }) => (where === "assigned" && partition === 0 ? broken() : undefined),
          records: () => (where === "records" ? broken() : undefined),
          failed: (error) => failures.push(error),
        },
      })
      await eventually(() => failures.length > 0, patience)
      expect(failures.map((error) => error.message)).toEqual(["broken"])
      const heir = new Recorder({ finishAtOnce: true })
      await (await fixture.openAnother()).join({ group: "workers", topics: [topic], handler: heir })
      await eventually(() => heir.texts(0).length === 5, patience)
      expect({ thrown, failures: failures.length }).toEqual({ thrown: 1, failures: 1 })
    },
  )

  test("a reader that retention has overtaken goes on at the oldest record kept", { timeout: testTimeoutMs }, async () => {
    const fixture = await open()
    const { log } = fixture
    const positions = await log.append(series(0, 40))
    const recorder = new Recorder({ finishAtOnce: false })
    const member = await log.join({ group: "workers", topics: [topic], handler: recorder, window: () => ({ records: 4 }) })
    await eventually(() => recorder.seen.length === 4, patience)
    // Under a live reader that is held back …
    await log.trim(topic, 0, positions[20]!.offset)
    await eventually(async () => (await log.ends(topic))[0]!.low === positions[20]!.offset, patience)
    for (const each of recorder.texts(0).keys()) recorder.partition(0).finish(positions[each]!.offset)
    await eventually(() => recorder.texts(0).includes("p0-20"), patience)
    await member.leave()
    // … and under a group that is away.
    await log.trim(topic, 0, positions[30]!.offset)
    await eventually(async () => (await log.ends(topic))[0]!.low === positions[30]!.offset, patience)
    expect(await committed(log, "workers", 0)).toBe(positions[30]!.offset)
    const late = new Recorder({ finishAtOnce: true })
    await log.join({ group: "workers", topics: [topic], handler: late })
    await committedReaches(log, "workers", 0, positions[39]!.offset + 1)
    expect(late.texts(0)).toEqual(series(0, 40).slice(30).map(text))
  })
}
