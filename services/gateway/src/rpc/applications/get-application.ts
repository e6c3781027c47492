import { create } from "@bufbuild/protobuf"
import { isRefusal, noSuch } from "@posthorn/core"
import { type ApplicationService, GetApplicationResponseSchema } from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"

export const getApplication =
  ({ config }: RpcContext): Handler<typeof ApplicationService.method.getApplication> =>
  async (request, call) => {
    const id = applicationOf(config.table, call.caller, request.applicationId)
    if (isRefusal(id)) return id
    const entity = config.table.application(id)
    return entity ? create(GetApplicationResponseSchema, { application: entity.application }) : noSuch("application")
  }
