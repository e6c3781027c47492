import { create } from "@bufbuild/protobuf"
import { isId, isRefusal, limits, refuse, tasksOf } from "@posthorn/core"
import { ListTasksResponseSchema, type TaskService } from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"
import { withProgress } from "./with-progress.ts"

export const listTasks =
  ({ config, reader }: RpcContext): Handler<typeof TaskService.method.listTasks> =>
  async ({ applicationId: requested, pageSize, pageToken }, call) => {
    const applicationId = applicationOf(config.table, call.caller, requested)
    if (isRefusal(applicationId)) return applicationId
    const all = tasksOf(config.table, applicationId).map(({ task }) => task)
    const last = Buffer.from(pageToken, "base64url").toString()
    if (pageToken !== "" && !isId("task", last)) return noPageToken()
    // One that was forgotten meanwhile was the oldest that had ended: there is nothing behind it.
    const from = pageToken === "" ? 0 : all.findIndex(({ id }) => id === last) + 1 || all.length
    const page = all.slice(from, from + Math.min(pageSize || limits.PAGE_SIZE_DEFAULT, limits.PAGE_SIZE_MAX))
    const more = from + page.length < all.length
    const nextPageToken = more ? Buffer.from(page.at(-1)?.id ?? "").toString("base64url") : ""
    return create(ListTasksResponseSchema, { tasks: await withProgress(reader, page), nextPageToken })
  }

const noPageToken = () =>
  refuse("invalid_argument", "The page token is none of ours.", {
    details: [{ field: "page_token", reason: "must be a token as answered by the call before" }],
  })
