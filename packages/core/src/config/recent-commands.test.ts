import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { ApplicationSchema, type ConfigChanged } from "@posthorn/proto"
import { expect, test } from "vitest"
import { formatId } from "../ids.ts"
import * as limits from "../limits.ts"
import { isRefusal } from "../refusal.ts"
import { ConfigCapture } from "./capture.ts"
import type { ChangeContext } from "./change.ts"
import { ConfigTable } from "./config-table.ts"
import { decideCreateApplication, decideUpdateApplication } from "./decide-application.ts"
import { evolve, restore } from "./evolve.ts"
import { RecentCommands } from "./recent-commands.ts"

const NOW_MS = Date.UTC(2031, 0)
const context: ChangeContext = { changeId: "c", nowMs: NOW_MS, actor: { id: "operator", requestId: "r" } }
const idOf = (number: number) =>
  formatId(
    "application",
    Uint8Array.from({ length: 16 }, (_, at) => (at === 15 ? number : 0)),
  )
const application = create(ApplicationSchema, { name: "shop" })

const creating = (number: number, name?: string): ConfigChanged => {
  const change = decideCreateApplication({ id: idOf(number), application }, context)
  return name === undefined ? change : { ...change, command: { $typeName: "posthorn.log.v1.Command", name, content: `of ${number}` } }
}
const renaming = (table: ConfigTable, number: number, name: string): ConfigChanged => {
  const change = decideUpdateApplication(table, { applicationId: idOf(number), application, paths: ["name"] }, context)
  if (isRefusal(change)) throw new Error(change.message)
  return { ...change, command: { $typeName: "posthorn.log.v1.Command", name, content: "" } }
}

test("of two changes for one request the first takes effect, whatever they are about", () => {
  const table = new ConfigTable()
  expect(evolve(table, creating(1, "a"), 10)).toHaveLength(1)
  expect(evolve(table, creating(2, "a"), 11)).toEqual([])
  expect(evolve(table, renaming(table, 1, "a"), 12)).toEqual([])
  expect(evolve(table, creating(3, "b"), 13)).toHaveLength(1)
  expect(table.commands.find("a", NOW_MS)).toEqual({ name: "a", content: "of 1", entityId: idOf(1), offset: 10, atMs: NOW_MS })
})

test("a change without effect leaves its request open", () => {
  const table = new ConfigTable()
  evolve(table, creating(1), 0)
  expect(evolve(table, creating(1, "a"), 1)).toEqual([])
  expect(table.commands.find("a", NOW_MS)).toBeUndefined()
  expect(evolve(table, creating(2, "a"), 2)).toHaveLength(1)
})

test("what a table knows of requests goes by records alone, so that one which holds the newest only decides as one that holds all", () => {
  const all = new RecentCommands()
  const of = (name: string, offset: number) => ({ name, content: "", entityId: "", offset, atMs: 0 })
  all.note(of("a", 5))
  for (let offset = 6; offset < 5 + limits.COMMANDS_MAX; offset++) all.note(of(`${offset}`, offset))
  expect([all.repeats("a", 5 + limits.COMMAND_RECORDS), all.repeats("a", 6 + limits.COMMAND_RECORDS)]).toEqual([true, false])
  all.note(of("last", 5 + limits.COMMANDS_MAX))
  expect([...all]).toHaveLength(limits.COMMANDS_MAX)
  expect(all.repeats("a", 6 + limits.COMMAND_RECORDS)).toBe(false)
})

test("a request is forgotten a day after it was carried out", () => {
  const table = new ConfigTable()
  evolve(table, { ...creating(1, "a"), changedAt: timestampFromMs(NOW_MS) }, 0)
  expect(table.commands.find("a", NOW_MS + limits.IDEMPOTENCY_WINDOW_MS - 1)).toBeDefined()
  expect(table.commands.find("a", NOW_MS + limits.IDEMPOTENCY_WINDOW_MS)).toBeUndefined()
})

test("a table that is made of a snapshot knows the same requests", () => {
  const [table, restored] = [new ConfigTable(), new ConfigTable()]
  for (const [at, name] of ["a", "b", "c"].entries()) evolve(table, creating(at + 1, name), at)
  const capture = new ConfigCapture(table)
  evolve(table, creating(4, "d"), 3)
  for (let taken = capture.take(2); taken.length > 0; taken = capture.take(2)) for (const each of taken) restore(restored, each)
  expect([...restored.commands]).toEqual([...table.commands].slice(0, 3))
})
