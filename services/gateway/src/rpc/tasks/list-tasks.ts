import { create } from "@bufbuild/protobuf"
import { timestampMs } from "@bufbuild/protobuf/wkt"
import { isId, isRefusal, limits, refuse, tasksOf } from "@posthorn/core"
import { ListTasksResponseSchema, TaskKind, TaskProgress, type ListTasksRequest, type Task, type TaskService } from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"
import { withProgress } from "./with-progress.ts"

export const listTasks =
  ({ config, reader }: RpcContext): Handler<typeof TaskService.method.listTasks> =>
  async (request, call) => {
    const { applicationId: requested, pageSize, pageToken } = request
    const applicationId = applicationOf(config.table, call.caller, requested)
    if (isRefusal(applicationId)) return applicationId
    const all = tasksOf(config.table, applicationId).map(({ task }) => task)
    const last = Buffer.from(pageToken, "base64url").toString()
    if (pageToken !== "" && !isId("task", last)) return noPageToken()
    // One that was forgotten meanwhile was the oldest that had ended: there is nothing behind it.
    const from = pageToken === "" ? 0 : all.findIndex(({ id }) => id === last) + 1 || all.length
    const wanted = all.slice(from).filter((task) => isWanted(request, task))
    const page = wanted.slice(0, Math.min(pageSize || limits.PAGE_SIZE_DEFAULT, limits.PAGE_SIZE_MAX))
    const more = page.length < wanted.length
    const nextPageToken = more ? Buffer.from(page.at(-1)?.id ?? "").toString("base64url") : ""
    return create(ListTasksResponseSchema, { tasks: await withProgress(reader, page), nextPageToken })
  }

function isWanted({ kind, state, since, until }: ListTasksRequest, task: Task): boolean {
  if ((kind !== TaskKind.UNSPECIFIED && task.kind !== kind) || (state !== TaskProgress.UNSPECIFIED && task.state !== state)) return false
  const madeMs = task.createdAt ? timestampMs(task.createdAt) : 0
  return (since === undefined || madeMs >= timestampMs(since)) && (until === undefined || madeMs < timestampMs(until))
}

const noPageToken = () =>
  refuse("invalid_argument", "The page token is none of ours.", {
    details: [{ field: "page_token", reason: "must be a token as answered by the call before" }],
  })
