import { create } from "@bufbuild/protobuf"
import { ApplicationSchema, ReplayProgressSchema, TaskKind, TaskProgress, type ConfigChanged } from "@posthorn/proto"
import { expect, test } from "vitest"
import { formatId } from "../ids.ts"
import * as limits from "../limits.ts"
import { isRefusal, type Refusal } from "../refusal.ts"
import type { ChangeContext } from "./change.ts"
import { ConfigTable } from "./config-table.ts"
import { decideCreateApplication } from "./decide-application.ts"
import {
  decideAdvanceTask,
  decideCreateTask,
  decideEndTask,
  decideForgetTask,
  decideRestTask,
  tasksOf,
  type CreateTask,
} from "./decide-task.ts"
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

const resting =
  (number: number, state: typeof TaskProgress.PAUSED | typeof TaskProgress.RUNNING = TaskProgress.PAUSED) =>
  (table: ConfigTable) =>
    decideRestTask(table, { taskId: taskId(number), state }, at(50))
const advancing =
  (holder: string, done: number, takesOver = false) =>
  (table: ConfigTable) =>
    decideAdvanceTask(
      table,
      { taskId: taskId(1), replay: create(ReplayProgressSchema, { holder }), takesOver, done, begun: done, left: [] },
      at(60),
    )

test("a task rests and goes on, can be cancelled while it rests, and still counts as under way", () => {
  const paused = given(making(1), resting(1))
  expect(paused.task(taskId(1))?.task).toMatchObject({ state: TaskProgress.PAUSED, etag: "2" })
  expect(resting(1)(paused)).toBeUndefined()
  expect(given(making(1), resting(1), resting(1, TaskProgress.RUNNING)).task(taskId(1))?.task.state).toBe(TaskProgress.RUNNING)
  expect(ending(1)(paused)).toMatchObject({ code: "failed_precondition" })
  expect(given(making(1), resting(1), ending(1, TaskProgress.CANCELLED)).task(taskId(1))?.task.state).toBe(TaskProgress.CANCELLED)
  expect(resting(1)(given(making(1), ending(1)))).toMatchObject({ code: "failed_precondition" })
  const makings = Array.from({ length: limits.TASKS_RUNNING_MAX }, (_, index) => [making(index + 1), resting(index + 1)]).flat()
  expect(making(99)(given(...makings))).toMatchObject({ code: "resource_exhausted" })
})

test("only who took a replay over last notes how far it is, also once it rests or was cancelled, and never once it is done", () => {
  const taken = given(making(1), advancing("a", 0, true), advancing("a", 2))
  expect(taken.task(taskId(1))).toMatchObject({ task: { done: 2n, begun: 2n, state: TaskProgress.RUNNING }, replay: { holder: "a" } })
  const other = given(making(1), advancing("a", 0, true), advancing("b", 1, true))
  expect(advancing("a", 2)(other)).toMatchObject({ code: "failed_precondition" })
  const paused = given(making(1), advancing("a", 0, true), resting(1), advancing("a", 3))
  expect(paused.task(taskId(1))).toMatchObject({ task: { done: 3n, state: TaskProgress.PAUSED }, replay: { holder: "a" } })
  expect(advancing("b", 3, true)(paused)).toMatchObject({ code: "failed_precondition" })
  const cancelled = given(making(1), advancing("a", 0, true), ending(1, TaskProgress.CANCELLED), advancing("a", 4))
  expect(cancelled.task(taskId(1))).toMatchObject({ task: { done: 4n, state: TaskProgress.CANCELLED }, replay: undefined })
  expect(advancing("a", 5)(given(making(1), advancing("a", 0, true), ending(1)))).toMatchObject({ code: "failed_precondition" })
})
