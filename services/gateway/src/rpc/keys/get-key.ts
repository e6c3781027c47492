import { create } from "@bufbuild/protobuf"
import { isRefusal } from "@posthorn/core"
import { GetKeyResponseSchema, type KeyService } from "@posthorn/proto"
import { ownedKey } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import type { RpcContext } from "../rpc-context.ts"
import { withLastUse } from "./with-last-use.ts"

export const getKey =
  (context: RpcContext): Handler<typeof KeyService.method.getKey> =>
  async (request, call) => {
    const entity = ownedKey(context.config.table, call.caller, request)
    if (isRefusal(entity)) return entity
    const [key] = await withLastUse(context, [entity.key])
    return create(GetKeyResponseSchema, key ? { key } : {})
  }
