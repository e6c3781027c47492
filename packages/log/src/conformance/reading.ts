import { eventually } from "@posthorn/testkit"
import { expect, test } from "vitest"
import type { LogRecord } from "../event-log.ts"
import { patience, readAll, series, testTimeoutMs, text, topic, type LogFixture } from "./fixture.ts"

export function readingConformance(open: () => Promise<LogFixture>): void {
  test("ranges are read from any position to any other, in order, and stop at the end", { timeout: testTimeoutMs }, async () => {
    const fixture = await open()
    const { log } = fixture
    const [one, two] = [await log.append(series(1, 1200)), await log.append(series(2, 3))]
    const seen: LogRecord[] = []
    const range = (positions: typeof one, from: number, to: number) => {
      const [first, last] = [positions[from]!, positions[to]]
      return { topic, partition: first.partition, from: first.offset, to: last?.offset ?? Number.MAX_SAFE_INTEGER } as const
    }
    await log.read([range(one, 5, 1100), range(two, 1, 99), range(one, 7, 7), range(one, 0, 1)], (records) => seen.push(...records))
    const expected = [...series(1, 1200).slice(5, 1100), ...series(2, 3).slice(1)].map(text)
    expect(
      seen
        .filter((each) => each.partition === 2 || each.offset >= one[5]!.offset)
        .map(text)
        .toSorted(),
    ).toEqual(expected.toSorted())
    const own = seen.filter((each) => each.partition === 1 && each.offset >= one[5]!.offset).map((each) => each.offset)
    expect(own).toEqual(own.toSorted((a, b) => a - b))
    expect(seen).toHaveLength(expected.length + 1)
  })

  test("ends are where reading starts and stops", { timeout: testTimeoutMs }, async () => {
    const fixture = await open()
    const empty = await fixture.log.ends(topic)
    expect(empty.map(({ partition }) => partition)).toEqual(Array.from({ length: fixture.log.partitions(topic) }, (_, index) => index))
    expect(empty.every(({ low, high }) => low === high)).toBe(true)
    const positions = await fixture.log.append(series(3, 7))
    expect((await fixture.log.ends(topic))[3]).toEqual({ partition: 3, low: positions[0]!.offset, high: positions[6]!.offset + 1 })
  })

  test("offsetAt is never later than the first record of that time", { timeout: testTimeoutMs }, async () => {
    const fixture = await open()
    const { log } = fixture
    for (let turn = 0; turn < 8; turn++) {
      await log.append(series(0, 3, `${turn}`))
      const at = Date.now()
      await eventually(() => Date.now() > at + 3)
    }
    const stored = await readAll(log, 0)
    for (const { appendedAtMs } of stored) {
      for (const timeMs of [appendedAtMs, appendedAtMs + 1]) {
        const exact = stored.find((each) => each.appendedAtMs >= timeMs)?.offset ?? stored.at(-1)!.offset + 1
        const answer = await log.offsetAt(topic, 0, timeMs)
        expect(answer).toBeLessThanOrEqual(exact)
      }
    }
    const last = stored.at(-1)!
    expect(await log.offsetAt(topic, 0, last.appendedAtMs + 60_000)).toBe(last.offset + 1)
    expect(await log.offsetAt(topic, 0, 0)).toBe(stored[0]!.offset)
    expect(await log.offsetAt(topic, 0, last.appendedAtMs)).toBeGreaterThan(stored[0]!.offset)
  })

  test("a follower sees history, then what comes, in order, across an absence of the log", { timeout: testTimeoutMs }, async () => {
    const fixture = await open()
    const { log, cutOff, restore } = await fixture.openFragile()
    const change = (name: string) => ({ topic: "config", key: "k", value: Buffer.from(name) }) as const
    const expected = Array.from({ length: 700 }, (_, index) => `history-${index}`)
    const positions = await fixture.log.append(expected.map(change))
    const seen: string[] = []
    const follower = await log.follow("config", positions[100]!.offset, (records) => seen.push(...records.map(text)))
    expect(seen).toEqual(expected.slice(100))
    const more = async (count: number, name: string) => {
      for (let turn = 0; turn < count; turn++) {
        expected.push(`${name}-${turn}`)
        await fixture.log.append([change(`${name}-${turn}`)])
      }
    }
    await more(10, "live")
    await cutOff()
    await more(10, "meanwhile")
    await restore()
    await more(10, "afterwards")
    await eventually(() => seen.length >= expected.length - 100, patience)
    expect(seen).toEqual(expected.slice(100))
    expect(follower.position).toBe((await fixture.log.ends("config"))[0]!.high)
    await follower.close()
    await more(1, "unseen")
    expect(seen.at(-1)).toBe("afterwards-9")
  })

  test("a tail sees what comes in every partition, each in order, across an absence of the log", { timeout: testTimeoutMs }, async () => {
    const fixture = await open()
    const { log, cutOff, restore } = await fixture.openFragile()
    const history = await fixture.log.append([...series(0, 5), ...series(2, 5)])
    const from = (await log.ends(topic)).map(({ high }) => high)
    from[2] = history[7]!.offset
    const seen: LogRecord[] = []
    const tail = await log.tail(topic, from, (records) => seen.push(...records))
    const expected = series(2, 5).slice(2).map(text)
    const more = async (partition: number, prefix: string) => {
      await fixture.log.append(series(partition, 20, prefix))
      expected.push(...series(partition, 20, prefix).map(text))
    }
    await Promise.all([more(0, "a"), more(1, "b"), more(2, "c")])
    await cutOff()
    await Promise.all([more(0, "d"), more(3, "e")])
    await restore()
    await Promise.all([more(0, "f"), more(1, "g")])
    await eventually(() => seen.length >= expected.length, patience)
    expect(seen.map(text).toSorted()).toEqual(expected.toSorted())
    for (const partition of [0, 1, 2, 3]) {
      const own = seen.filter((each) => each.partition === partition).map(({ offset }) => offset)
      expect(own).toEqual(own.toSorted((one, other) => one - other))
    }
    expect(tail.positions).toEqual((await fixture.log.ends(topic)).map(({ high }) => high))
    await tail.close()
    await fixture.log.append(series(1, 1, "unseen"))
    await eventually(async () => (await log.ends(topic))[1]!.high > tail.positions[1]!, patience)
    expect(seen.map(text)).not.toContain("unseen-0")
  })

  test("what is trimmed is not read any more, and low says so", { timeout: testTimeoutMs }, async () => {
    const fixture = await open()
    const { log } = fixture
    const positions = await log.append(series(0, 20))
    await log.trim(topic, 0, positions[12]!.offset)
    await eventually(async () => (await log.ends(topic))[0]!.low === positions[12]!.offset, patience)
    expect((await readAll(log, 0)).map(text)).toEqual(series(0, 20).slice(12).map(text))
    await log.trim(topic, 0, positions[3]!.offset)
    expect((await log.ends(topic))[0]!.low).toBe(positions[12]!.offset)
    expect(await log.append(series(0, 1, "next"))).toMatchObject([{ offset: positions[19]!.offset + 1 }])
  })
}
