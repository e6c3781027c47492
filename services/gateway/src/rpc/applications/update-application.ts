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
    const refused = keepLimits(table.application(applicationId)?.application, { application, paths, caller: call.caller })
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

/**
 * What an application may publish, and how long it is kept, is for the operator to say. Whoever sends all that was read back, or leaves these out of it,
 * changes nothing of them.
 */
function keepLimits(current: Application | undefined, { application, paths, caller }: Wanted): Refusal | undefined {
  if (caller.role === Role.OPERATOR) return undefined
  const changes = (field: string, same: boolean): boolean =>
    !same && (paths.length === 0 || paths.some((path) => path.split(".")[0] === field))
  const rateLimit = wantedOf(application.ingestRateLimit, current?.ingestRateLimit, paths)
  if (changes("ingest_rate_limit", sameRate(current?.ingestRateLimit, rateLimit)))
    return operatorsAlone("ingest_rate_limit", "the ingest limit")
  const hours = wantedOf(application.retentionHours || undefined, current?.retentionHours, paths) ?? 0
  if (changes("retention_hours", (current?.retentionHours ?? 0) === hours)) return operatorsAlone("retention_hours", "the retention")
  if (current?.ingestRateLimit !== undefined) application.ingestRateLimit = current.ingestRateLimit
  application.retentionHours = current?.retentionHours ?? 0
  return undefined
}

/** A field that is absent is left as it is by a request that names none. */
const wantedOf = <Value>(given: Value | undefined, current: Value | undefined, paths: readonly string[]): Value | undefined =>
  given ?? (paths.length === 0 ? current : undefined)

const operatorsAlone = (field: string, what: string): Refusal =>
  refuse("permission_denied", `The API key may not change ${what}.`, {
    details: [{ field: `application.${field}`, reason: "is set by the operator alone" }],
  })

const sameRate = (one: RateLimit | undefined, other: RateLimit | undefined): boolean =>
  one === undefined || other === undefined ? one === other : equals(RateLimitSchema, one, other)
