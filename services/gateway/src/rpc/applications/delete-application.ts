import { create } from "@bufbuild/protobuf"
import { decideDeleteApplication, isRefusal } from "@posthorn/core"
import { type ApplicationService, DeleteApplicationResponseSchema } from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { changeConfig } from "../../commands/change-config.ts"
import type { RpcContext } from "../rpc-context.ts"

export const deleteApplication =
  (context: RpcContext): Handler<typeof ApplicationService.method.deleteApplication> =>
  async ({ applicationId: requested, etag }, call) => {
    const { table } = context.config
    const applicationId = applicationOf(table, call.caller, requested)
    if (isRefusal(applicationId)) return applicationId
    const done = await changeConfig(context, call, (change) => decideDeleteApplication(table, { applicationId, etag }, change))
    return isRefusal(done) ? done : create(DeleteApplicationResponseSchema)
  }
