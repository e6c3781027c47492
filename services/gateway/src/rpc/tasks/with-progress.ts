import { create } from "@bufbuild/protobuf"
import { TaskKind, TaskSchema, type Task } from "@posthorn/proto"
import type { DeadLetterQueue } from "@posthorn/store"

/**
 * Tasks with what they have done. Dead letters are forgotten some day, so one that has ended knows what it had done by then; a replay says so by itself
 * all the time.
 */
export async function withProgress(reader: DeadLetterQueue, tasks: readonly Task[]): Promise<Task[]> {
  const counted = tasks.filter(({ kind }) => kind !== TaskKind.REPLAY).map(({ id }) => id)
  const done = counted.length === 0 ? new Map<string, number>() : await reader.countDone(counted)
  const doneBy = ({ id, kind, done: noted }: Task) =>
    kind === TaskKind.REPLAY ? noted : BigInt(Math.max(Number(noted), done.get(id) ?? 0))
  return tasks.map((task) => create(TaskSchema, { ...task, done: doneBy(task) }))
}
