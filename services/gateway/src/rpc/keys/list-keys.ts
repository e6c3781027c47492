import { create } from "@bufbuild/protobuf"
import { isRefusal } from "@posthorn/core"
import { type KeyService, ListKeysResponseSchema } from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { pageOf } from "../page.ts"
import type { RpcContext } from "../rpc-context.ts"
import { withLastUse } from "./with-last-use.ts"

export const listKeys =
  (context: RpcContext): Handler<typeof KeyService.method.listKeys> =>
  async (request, call) => {
    const { config } = context
    const applicationId = applicationOf(config.table, call.caller, request.applicationId)
    if (isRefusal(applicationId)) return applicationId
    const page = pageOf(config.table.keysOf(applicationId), "key", request)
    if (isRefusal(page)) return page
    const keys = page.ids.flatMap((id) => config.table.key(id)?.key ?? [])
    return create(ListKeysResponseSchema, { keys: await withLastUse(context, keys), nextPageToken: page.nextPageToken })
  }
