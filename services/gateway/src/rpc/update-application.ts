import { create } from "@bufbuild/protobuf"
import { assert, decideUpdateApplication, isRefusal, noSuch } from "@posthorn/core"
import { type ApplicationService, UpdateApplicationResponseSchema } from "@posthorn/proto"
import { applicationOf } from "../access/tenancy.ts"
import type { Handler } from "../call.ts"
import { changeConfig } from "../commands/change-config.ts"
import type { RpcContext } from "./rpc-context.ts"

export const updateApplication =
  (context: RpcContext): Handler<typeof ApplicationService.method.updateApplication> =>
  async (request, call) => {
    const { table } = context.config
    const { application, updateMask } = request
    assert(application, "the contract requires an application")
    const applicationId = applicationOf(table, call.caller, request.applicationId)
    if (isRefusal(applicationId)) return applicationId
    const command = { applicationId, application, paths: updateMask?.paths ?? [] }
    const done = await changeConfig(context, call, (change) => decideUpdateApplication(table, command, change))
    if (isRefusal(done)) return done
    const entity = table.application(applicationId)
    return entity ? create(UpdateApplicationResponseSchema, { application: entity.application }) : noSuch("application")
  }
