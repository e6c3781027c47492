import { create, equals } from "@bufbuild/protobuf"
import { assert, decideUpdateApplication, isRefusal, noSuch, refuse, type Refusal } from "@posthorn/core"
import {
  type Application,
  type ApplicationService,
  type RateLimit,
  RateLimitSchema,
  Role,
  UpdateApplicationResponseSchema,
} from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import type { Caller, Handler } from "../../call.ts"
import { changeConfig } from "../../commands/change-config.ts"
import type { RpcContext } from "../rpc-context.ts"

export const updateApplication =
  (context: RpcContext): Handler<typeof ApplicationService.method.updateApplication> =>
  async (request, call) => {
    const { table } = context.config
    const { application, updateMask } = request
    assert(application, "the contract requires an application")
    const applicationId = applicationOf(table, call.caller, request.applicationId)
    if (isRefusal(applicationId)) return applicationId
    const paths = updateMask?.paths ?? []
    const refused = keepLimit(table.application(applicationId)?.application, { application, paths, caller: call.caller })
    if (refused) return refused
    const command = { applicationId, application, paths }
    const done = await changeConfig(context, call, (change) => decideUpdateApplication(table, command, change))
    if (isRefusal(done)) return done
    const entity = table.application(applicationId)
    return entity ? create(UpdateApplicationResponseSchema, { application: entity.application }) : noSuch("application")
  }

interface Wanted {
  readonly application: Application
  readonly paths: readonly string[]
  readonly caller: Caller
}

/** What an application may publish is for the operator to say. Whoever sends all that was read back, or leaves the limit out of it, changes nothing of it. */
function keepLimit(current: Application | undefined, { application, paths, caller }: Wanted): Refusal | undefined {
  if (caller.role === Role.OPERATOR) return undefined
  const kept = current?.ingestRateLimit
  const named = paths.some((path) => path.split(".")[0] === "ingest_rate_limit")
  const wanted = application.ingestRateLimit ?? (named ? undefined : kept)
  if ((named || paths.length === 0) && !same(kept, wanted)) {
    const details = [{ field: "application.ingest_rate_limit", reason: "is set by the operator alone" }]
    return refuse("permission_denied", "The API key may not change the ingest limit.", { details })
  }
  if (kept !== undefined) application.ingestRateLimit = kept
  return undefined
}

const same = (one: RateLimit | undefined, other: RateLimit | undefined): boolean =>
  one === undefined || other === undefined ? one === other : equals(RateLimitSchema, one, other)
