import { create } from "@bufbuild/protobuf"
import { assert, decideCreateKey, isRefusal, noSuch } from "@posthorn/core"
import { CreateKeyResponseSchema, type KeyService } from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import { hashToken, makeToken } from "../../access/token.ts"
import type { Handler } from "../../call.ts"
import { changeConfig } from "../../commands/change-config.ts"
import type { RpcContext } from "../rpc-context.ts"

export const createKey =
  (context: RpcContext): Handler<typeof KeyService.method.createKey> =>
  async (request, call) => {
    const { table } = context.config
    assert(request.key, "the contract requires a key")
    const applicationId = applicationOf(table, call.caller, request.applicationId)
    if (isRefusal(applicationId)) return applicationId
    const id = context.newId("key")
    const token = makeToken(id)
    const command = { id, applicationId, key: request.key, tokenHash: hashToken(token, context.box), lastFour: token.slice(-4) }
    const done = await changeConfig(context, call, (change) => decideCreateKey(table, command, change))
    if (isRefusal(done)) return done
    const entity = table.key(done.entityId ?? id)
    return entity ? create(CreateKeyResponseSchema, { key: entity.key, token: done.repeated ? "" : token }) : noSuch("key")
  }
