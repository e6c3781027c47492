import { create } from "@bufbuild/protobuf"
import { TaskSchema, type Task } from "@posthorn/proto"
import type { DeadLetterQueue } from "@posthorn/store"

/** Tasks with what they have done. Dead letters are forgotten some day, so one that has ended knows what it had done by then. */
export async function withProgress(reader: DeadLetterQueue, tasks: readonly Task[]): Promise<Task[]> {
  const done = tasks.length === 0 ? new Map<string, number>() : await reader.countDone(tasks.map(({ id }) => id))
  return tasks.map((task) => create(TaskSchema, { ...task, done: BigInt(Math.max(Number(task.done), done.get(task.id) ?? 0)) }))
}
