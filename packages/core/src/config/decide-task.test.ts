import { create } from "@bufbuild/protobuf"
import { ApplicationSchema, TaskKind, TaskProgress, type ConfigChanged } from "@posthorn/proto"
import { expect, test } from "vitest"
import { formatId } from "../ids.ts"
import * as limits from "../limits.ts"
import { isRefusal, type Refusal } from "../refusal.ts"
import type { ChangeContext } from "./change.ts"
import { ConfigTable } from "./config-table.ts"
import { decideCreateApplication } from "./decide-application.ts"
import { decideCreateTask, decideEndTask, decideForgetTask, tasksOf, type CreateTask } from "./decide-task.ts"
import { evolve } from "./evolve.ts"

const APPLICATION = formatId("application", new Uint8Array(16))
const taskId = (number: number) => formatId("task", new Uint8Array(16).fill(number))
const at = (nowMs: number): ChangeContext => ({ changeId: "c", nowMs, actor: { id: "operator", requestId: "r" } })
const wanted = (number: number, more: Partial<CreateTask> = {}): CreateTask => ({
  id: taskId(number),
  applicationId: APPLICATION,
  kind: TaskKind.REDRIVE,
  filter: "{}",
  reason: "",
  ratePerSecond: 100,
  total: 7,
  ...more,
})

function given(...decisions: ((table: ConfigTable) => ConfigChanged | Refusal | undefined)[]): ConfigTable {
  const table = new ConfigTable()
  evolve(table, decideCreateApplication({ id: APPLICATION, application: create(ApplicationSchema, { name: "shop" }) }, at(0)), 0)
  for (const decide of decisions) {
    const change = decide(table)
    if (change === undefined || isRefusal(change)) throw new Error(`not decided: ${JSON.stringify(change)}`)
    evolve(table, change, 0)
  }
  return table
}
const making =
  (number: number, nowMs = number) =>
  (table: ConfigTable) =>
    decideCreateTask(table, wanted(number), at(nowMs))
const ending =
  (number: number, state: typeof TaskProgress.DONE | typeof TaskProgress.CANCELLED = TaskProgress.DONE) =>
  (table: ConfigTable) =>
    decideEndTask(table, { taskId: taskId(number), state, done: 3 }, at(99))

test("a task runs until it is done or cancelled, and then knows what it had done", () => {
  const table = given(making(1))
  expect(table.task(taskId(1))?.task).toMatchObject({ state: TaskProgress.RUNNING, total: 7n, done: 0n, etag: "1" })
  expect(table.task(taskId(1))?.task.finishedAt).toBeUndefined()
  for (const state of [TaskProgress.DONE, TaskProgress.CANCELLED]) {
    const ended = given(making(1), ending(1, state))
    expect(ended.task(taskId(1))?.task).toMatchObject({ state, done: 3n, etag: "2", finishedAt: expect.anything() })
    expect(ending(1)(ended)).toMatchObject({ code: "failed_precondition" })
  }
  expect(ending(2)(table)).toMatchObject({ code: "not_found" })
})

test("the same task again is nothing to do, however many it would be for now; another one under its id is refused", () => {
  const table = given(making(1))
  expect(decideCreateTask(table, wanted(1, { total: 8 }), at(5))).toBeUndefined()
  for (const other of [{ kind: TaskKind.DISCARD }, { filter: '{"type":"a"}' }, { reason: "x" }, { ratePerSecond: 1 }])
    expect(decideCreateTask(table, wanted(1, other), at(5))).toMatchObject({ code: "aborted" })
  expect(decideCreateTask(new ConfigTable(), wanted(1), at(5))).toMatchObject({ code: "not_found" })
})

test("an application has only so many tasks under way, and those that end make room", () => {
  const makings = Array.from({ length: limits.TASKS_RUNNING_MAX }, (_, index) => making(index + 1))
  expect(making(99)(given(...makings))).toMatchObject({ code: "resource_exhausted" })
  expect(making(99)(given(...makings, ending(1)))).toHaveProperty("entityId", taskId(99))
})

test("the oldest task that has ended is forgotten once there are as many as are kept, and one that runs never", () => {
  const made = (count: number) =>
    Array.from({ length: count }, (_, index) => [
      making(index + 1, 1000 - index),
      ...(index === count - 1 ? [] : [ending(index + 1)]),
    ]).flat()
  expect(decideForgetTask(given(...made(limits.TASKS_KEPT_MAX - 1)), APPLICATION, at(0))).toBeUndefined()
  const full = given(...made(limits.TASKS_KEPT_MAX))
  // The last one made has the earliest time, and runs.
  expect(tasksOf(full, APPLICATION).at(-1)?.task.id).toBe(taskId(limits.TASKS_KEPT_MAX))
  const forgotten = decideForgetTask(full, APPLICATION, at(0))
  expect(forgotten).toMatchObject({ entityId: taskId(limits.TASKS_KEPT_MAX - 1), state: { case: "deleted" } })
  evolve(full, forgotten!, 0)
  expect(tasksOf(full, APPLICATION)).toHaveLength(limits.TASKS_KEPT_MAX - 1)
})
