import { create, toBinary } from "@bufbuild/protobuf"
import { ConfigTable, evolveConfig, formatId, limits } from "@posthorn/core"
import { ConfigChangedSchema, type ConfigChanged } from "@posthorn/proto"
import fc from "fast-check"
import { expect, test } from "vitest"
import { followConfig } from "./config-follower.ts"
import { newestSnapshot, writeSnapshot } from "./config-snapshots.ts"
import { createMemoryLog, type MemoryLog } from "./memory/memory-log.ts"

const idOf = (kind: "application" | "key" | "subscription", seed: number): string => formatId(kind, new Uint8Array(16).fill(seed))
const never = new AbortController().signal

interface Step {
  readonly kind: "application" | "key" | "subscription" | "delete"
  readonly application: number
  readonly owned: number
  /** What the writer takes the entity's version for: mostly right, sometimes long too old. */
  readonly behind: number
  readonly enabled: boolean
}
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("application", "key", "subscription", "subscription", "delete"),
  application: fc.nat(1),
  owned: fc.nat(1),
  behind: fc.constantFrom(0, 0, 0, 2),
  enabled: fc.boolean(),
})

function changeOf(table: ConfigTable, { kind, application, owned, behind, enabled }: Step, changeId: string): ConfigChanged {
  const applicationId = idOf("application", application)
  const [key, subscription] = [idOf("key", 10 * application + owned), idOf("subscription", 10 * application + owned)]
  const entityId = { application: applicationId, key, subscription, delete: owned === 0 ? applicationId : subscription }[kind]
  const states = {
    application: { case: "application", value: { application: { id: applicationId, name: changeId } } },
    key: { case: "key", value: { key: { id: key, applicationId, name: changeId }, tokenHash: changeId } },
    subscription: {
      case: "subscription",
      value: { subscription: { id: subscription, applicationId, description: changeId, enabled }, sourceSecret: changeId },
    },
    delete: { case: "deleted", value: {} },
  } as const
  const expectedVersion = BigInt(Math.max(0, table.version(entityId) - behind))
  return create(ConfigChangedSchema, { entityId, changeId, expectedVersion, state: states[kind] })
}

const shownBy = (table: ConfigTable): unknown => ({
  entities: new Map([...table.ids()].toSorted().map((id) => [id, table.entity(id)])),
  owned: [...table.applications()].map((id) => [id, [...table.keysOf(id)], [...table.subscriptionsOf(id)]]),
})

async function append(log: MemoryLog, change: ConfigChanged): Promise<number> {
  const [at] = await log.append([{ topic: "config", key: change.entityId, value: toBinary(ConfigChangedSchema, change) }])
  return at!.offset
}

test("a snapshot and what came after it show what the whole of the log shows, whatever changed while it was taken", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.array(step, { maxLength: 12 }), fc.nat(3), async (earlier, meanwhile, each) => {
      const log = createMemoryLog()
      const writer = await followConfig(log)
      const all = new ConfigTable()
      let changes = 0
      const change = async (next: Step) => {
        const record = changeOf(all, next, `change ${changes++}`)
        const offset = await append(log, record)
        evolveConfig(all, record, offset)
        await writer.reached(offset + 1)
      }
      for (const next of earlier) await change(next)
      const rest = [...meanwhile]
      const [captured, position] = [shownBy(writer.table), changes]
      await writer.whileCaptured(async (beginning) => {
        const take = async (next: Step | undefined) => next && (await change(next))
        const capture = {
          take: () => beginning.capture.take(each + 1),
        }
        // The writer asks for portions; changes come between them.
        const between = {
          ...log,
          append: async (...given: Parameters<typeof log.append>) => (await take(rest.shift()), log.append(...given)),
        }
        await writeSnapshot(between, { ...beginning, capture }, never)
      })
      const started = await newestSnapshot(log)
      expect(shownBy(started.table)).toEqual(captured)
      expect(started.position).toBe(started.table.size === 0 ? 0 : position)
      for (const next of rest) await change(next)
      const late = await followConfig(log)
      expect(shownBy(late.table)).toEqual(shownBy(all))
      expect(late.position).toBe(changes)
      await log.close()
    }),
    { numRuns: 200 },
  )
})

async function installed(applications: number) {
  const log = createMemoryLog()
  const config = await followConfig(log)
  const add = async (seed: number) => {
    const record = changeOf(config.table, { kind: "application", application: seed, owned: 0, behind: 0, enabled: true }, `${seed}`)
    await config.reached((await append(log, record)) + 1)
  }
  for (let seed = 0; seed < applications; seed++) await add(seed)
  const write = (signal = never) => config.whileCaptured((captured) => writeSnapshot(log, captured, signal))
  return { log, config, add, write }
}

test("who starts hears of every entity of the snapshot, and reads no record of before it", async () => {
  const { log, config, write } = await installed(3)
  await write()
  await log.trim("config", 0, config.position)
  const heard: (string | undefined)[] = []
  const late = await followConfig(log, { onChange: (changes) => heard.push(...changes.map(({ after }) => after?.kind)) })
  expect(heard).toEqual(["application", "application", "application"])
  expect(shownBy(late.table)).toEqual(shownBy(config.table))
})

test("a snapshot without its end, or without its beginning, does not count; the one before it does while it is there", async () => {
  const { log, config, add, write } = await installed(limits.SNAPSHOT_RECORD_ENTITIES + 1)
  const cut = new AbortController()
  const cutting = { ...log, append: async (...args: Parameters<typeof log.append>) => log.append(...args).finally(() => cut.abort()) }
  await expect(config.whileCaptured((captured) => writeSnapshot(cutting, captured, cut.signal))).rejects.toThrow()
  expect((await newestSnapshot(log)).position).toBe(0)
  await write()
  const { position } = config
  await add(200)
  const again = new AbortController()
  const cuttingAgain = {
    ...log,
    append: async (...args: Parameters<typeof log.append>) => log.append(...args).finally(() => again.abort()),
  }
  await expect(config.whileCaptured((captured) => writeSnapshot(cuttingAgain, captured, again.signal))).rejects.toThrow()
  expect((await newestSnapshot(log)).position).toBe(position)
  const [ends] = await log.ends("config.snapshots")
  await log.trim("config.snapshots", 0, ends!.low + 1)
  expect((await newestSnapshot(log)).position).toBe(0)
})

test("a snapshot that goes further than the log does is of another log", async () => {
  const { log, config } = await installed(2)
  await config.whileCaptured((captured) => writeSnapshot(log, { ...captured, position: 100 }, never))
  expect((await newestSnapshot(log)).position).toBe(0)
})
