import { create } from "@bufbuild/protobuf"
import { decideRevokeKey, isRefusal } from "@posthorn/core"
import { type KeyService, RevokeKeyResponseSchema } from "@posthorn/proto"
import { ownedKey } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { changeConfig } from "../../commands/change-config.ts"
import type { RpcContext } from "../rpc-context.ts"

export const revokeKey =
  (context: RpcContext): Handler<typeof KeyService.method.revokeKey> =>
  async (request, call) => {
    const { table } = context.config
    const entity = ownedKey(table, call.caller, request)
    if (isRefusal(entity)) return entity
    const done = await changeConfig(context, call, (change) => decideRevokeKey(table, entity.key.id, change))
    return isRefusal(done) ? done : create(RevokeKeyResponseSchema)
  }
