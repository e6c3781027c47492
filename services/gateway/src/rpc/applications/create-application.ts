import { create } from "@bufbuild/protobuf"
import { assert, decideCreateApplication, isRefusal, noSuch } from "@posthorn/core"
import { type ApplicationService, CreateApplicationResponseSchema } from "@posthorn/proto"
import type { Handler } from "../../call.ts"
import { changeConfig } from "../../commands/change-config.ts"
import type { RpcContext } from "../rpc-context.ts"

export const createApplication =
  (context: RpcContext): Handler<typeof ApplicationService.method.createApplication> =>
  async (request, call) => {
    const { application } = request
    assert(application, "the contract requires an application")
    const id = context.newId("application")
    const done = await changeConfig(context, call, (change) => decideCreateApplication({ id, application }, change))
    if (isRefusal(done)) return done
    const entity = context.config.table.application(done.entityId ?? id)
    return entity ? create(CreateApplicationResponseSchema, { application: entity.application }) : noSuch("application")
  }
