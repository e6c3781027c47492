import { create } from "@bufbuild/protobuf"
import {
  decideCreateApplication,
  decideUpdateApplication,
  formatId,
  isRefusal,
  type ChangeContext,
  type EntityChange,
} from "@posthorn/core"
import { ApplicationSchema, type ConfigChanged } from "@posthorn/proto"
import { expect, test } from "vitest"
import { followConfig, type ConfigFollower } from "./config-follower.ts"
import { createMemoryLog } from "./memory/memory-log.ts"

const ID = formatId("application", new Uint8Array(16))
const context = (changeId: string): ChangeContext => ({ changeId, nowMs: 1, actor: { id: "operator", requestId: "r" } })
const creation = (changeId: string) =>
  decideCreateApplication({ id: ID, application: create(ApplicationSchema, { name: "first" }) }, context(changeId))

function renaming({ table }: ConfigFollower, name: string): ConfigChanged {
  const decided = decideUpdateApplication(
    table,
    { applicationId: ID, application: create(ApplicationSchema, { name }), paths: ["name"] },
    context(name),
  )
  if (isRefusal(decided)) throw new Error(decided.message)
  return decided
}

test("a change that took effect shows in the table by the time that it is answered", async () => {
  await using log = closing(createMemoryLog())
  const follower = await followConfig(log.value)
  expect(await follower.propose(creation("c"))).toBe(true)
  expect(follower.table.application(ID)?.application.name).toBe("first")
  expect(follower.position).toBe(1)
})

test("of two gateways that change one version at the same time one is told that it lost, and both come to show the winner", async () => {
  await using log = closing(createMemoryLog())
  const [one, other] = [await followConfig(log.value), await followConfig(log.value.another())]
  await one.propose(creation("c"))
  await other.reached(one.position)
  for (let round = 0; round < 20; round++) {
    const changes = [renaming(one, `one ${round}`), renaming(other, `other ${round}`)] as const
    const effects = await Promise.all([one.propose(changes[0]), other.propose(changes[1])])
    expect(effects.filter((tookEffect) => tookEffect)).toHaveLength(1)
    await Promise.all([one.reached(other.position), other.reached(one.position)])
    const winner = effects[0] ? "one" : "other"
    for (const { table } of [one, other]) expect(table.application(ID)?.application.name).toBe(`${winner} ${round}`)
  }
})

test("a late reader hears every change from the beginning, and nothing of records that nobody can read", async () => {
  await using log = closing(createMemoryLog())
  await (await followConfig(log.value)).propose(creation("c"))
  await log.value.append([{ topic: "config", key: "x", value: new Uint8Array([255, 255]) }])
  const [changes, undecodable]: [EntityChange[], number[]] = [[], []]
  const late = await followConfig(log.value, {
    onChange: (each) => changes.push(...each),
    onUndecodable: ({ offset }) => undecodable.push(offset),
  })
  expect(changes.map(({ before, after }) => [before, after?.version])).toEqual([[undefined, 1]])
  expect(undecodable).toEqual([1])
  await late.reached(2)
})

test("waiting for a position that is read later ends when it is read", async () => {
  await using log = closing(createMemoryLog())
  const [writer, reader] = [await followConfig(log.value), await followConfig(log.value.another())]
  const waiting = reader.reached(1)
  await writer.propose(creation("c"))
  await waiting
  expect(reader.table.application(ID)).toBeDefined()
})

function closing<T extends { close(): Promise<void> }>(value: T) {
  return { value, [Symbol.asyncDispose]: () => value.close() }
}
