import { limits, partitionOf } from "@posthorn/core"
import { eventually } from "@posthorn/testkit"
import { expect, test } from "vitest"
import { LogUnavailable, type NewRecord, type Position } from "../event-log.ts"
import { patience, readAll, record, series, testTimeoutMs, text, topic, type LogFixture } from "./fixture.ts"

export function appendingConformance(open: () => Promise<LogFixture>): void {
  test(
    "an acknowledged record is there for another client, byte for byte, at the position that was answered",
    { timeout: testTimeoutMs },
    async () => {
      const fixture = await open()
      const sent: readonly NewRecord[] = [
        { topic, partition: 1, key: "schlüssel \u{1f4ef}", value: Buffer.from([0, 1, 255, 0]) },
        { topic, partition: 1, key: "a", value: new Uint8Array() },
        { topic, partition: 2, key: "b".repeat(300), value: Buffer.alloc(limits.RECORD_BYTES_MAX - 300, 7) },
        { topic, partition: 1, key: "c", value: Buffer.from("last") },
      ]
      const before = Date.now()
      const positions = await fixture.log.append(sent)
      const other = await fixture.openAnother()
      const stored = [...(await readAll(other, 1)), ...(await readAll(other, 2))]
      sent.forEach((each, index) => {
        const found = stored.find(
          ({ partition, offset }) => partition === positions[index]?.partition && offset === positions[index].offset,
        )
        expect(found?.key).toBe(each.key)
        expect(Buffer.compare(found!.value, each.value)).toBe(0)
        expect(Math.abs(found!.appendedAtMs - before)).toBeLessThan(120_000)
      })
      expect(stored).toHaveLength(sent.length)
      expect(await fixture.log.append([])).toEqual([])
    },
  )

  test("a key without a partition goes where partitionOf says", { timeout: testTimeoutMs }, async () => {
    const fixture = await open()
    const keys = Array.from({ length: 20 }, (_, index) => `subscription-${index}`)
    const positions = await fixture.log.append(keys.map((key) => ({ topic, key, value: Buffer.from(key) })))
    expect(positions.map(({ partition }) => partition)).toEqual(keys.map((key) => partitionOf(key, fixture.log.partitions(topic))))
    expect(await fixture.log.append([{ topic: "config", key: keys[0]!, value: Buffer.from("x") }])).toMatchObject([{ partition: 0 }])
  })

  test(
    "of many concurrent callers in two clients, every record is there once, at its position, in its caller's order",
    { timeout: testTimeoutMs },
    async () => {
      const fixture = await open()
      const clients = [fixture.log, await fixture.openAnother()]
      const positions = new Map<string, Position>()
      const caller = async (name: number) => {
        for (let turn = 0; turn < 12; turn++) {
          const batch = series(name % 4, 1 + (turn % 3), `${name}:${turn}`)
          // Every other append does not wait for the one before: calls may overtake each other's answers, never each other's records.
          const appended = clients[name % 2]!.append(batch).then((answer) => {
            batch.forEach((each, index) => positions.set(text(each), answer[index]!))
          })
          if (turn % 2 === 0) await appended
          else pending.push(appended)
        }
      }
      const pending: Promise<void>[] = []
      await Promise.all(Array.from({ length: 32 }, (_, name) => caller(name)))
      await Promise.all(pending)
      const order: string[] = []
      for (let partition = 0; partition < 4; partition++) {
        for (const stored of await readAll(clients[1]!, partition)) {
          order.push(text(stored))
          expect(positions.get(text(stored))).toEqual({ topic, partition, offset: stored.offset })
        }
      }
      expect(order).toHaveLength(positions.size)
      expect(new Set(order).size).toBe(order.length)
      for (let name = 0; name < 32; name++) {
        const own = order.filter((each) => each.startsWith(`${name}:`))
        const sent = Array.from({ length: 12 }, (_, turn) => series(0, 1 + (turn % 3), `${name}:${turn}`).map(text)).flat()
        expect(own).toEqual(sent)
      }
    },
  )

  test("a call larger than a batch is answered with all of its positions, in order", { timeout: testTimeoutMs }, async () => {
    const fixture = await open()
    const records = Array.from({ length: limits.APPEND_RECORDS_MAX * 2 + 500 }, (_, index) => record(index % 4, `${index}`))
    const positions = await fixture.log.append(records)
    for (let partition = 0; partition < 4; partition++) {
      const stored = await readAll(fixture.log, partition)
      expect(stored.map(text)).toEqual(records.filter((each) => each.partition === partition).map(text))
      expect(stored.map(({ offset }) => offset)).toEqual(
        positions.filter((each) => each.partition === partition).map(({ offset }) => offset),
      )
    }
  })

  test("closing waits for appends under way, and refuses later ones", { timeout: testTimeoutMs }, async () => {
    const fixture = await open()
    const other = await fixture.openAnother()
    const appended = other.append(series(0, 50))
    await other.close()
    expect(await appended).toHaveLength(50)
    expect(await readAll(fixture.log, 0)).toHaveLength(50)
    await expect(other.append(series(0, 1))).rejects.toMatchObject({ name: "LogUnavailable", outcome: "refused" })
  })

  test("a log that cannot be reached is said to be unavailable, and used again once it is back", { timeout: testTimeoutMs }, async () => {
    const fixture = await open()
    const { log, cutOff, restore } = await fixture.openFragile()
    await log.append(series(0, 1, "before"))
    await cutOff()
    await expect(log.append(series(0, 1, "during"))).rejects.toBeInstanceOf(LogUnavailable)
    await expect(log.ping()).rejects.toBeInstanceOf(LogUnavailable)
    await restore()
    await eventually(() => log.ping(), patience)
    await eventually(() => log.append(series(0, 1, "after")), patience)
    const stored = (await readAll(fixture.log, 0)).map(text)
    expect(stored[0]).toBe("before-0")
    expect(stored.at(-1)).toBe("after-0")
  })
}
