import { create } from "@bufbuild/protobuf"
import { assert, filterFailure, filterViolations, isRefusal, refuse } from "@posthorn/core"
import { TestFilterResponseSchema, type SubscriptionService } from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import type { Handler } from "../../call.ts"
import { failedClauseOf } from "./failed-clause.ts"
import { jsonOfValue, unwritable } from "../event-types/json-value.ts"
import type { RpcContext } from "../rpc-context.ts"

export const testFilter =
  ({ config }: RpcContext): Handler<typeof SubscriptionService.method.testFilter> =>
  async ({ applicationId: requested, filter, event }, call) => {
    const applicationId = applicationOf(config.table, call.caller, requested)
    if (isRefusal(applicationId)) return applicationId
    assert(filter && event, "the contract requires a filter and an event")
    const details = filterViolations(filter, "filter")
    if (details.length > 0) return refuse("invalid_argument", "The filter has conditions that cannot be accepted.", { details })
    const { type, metadata, data } = event
    const json = data && jsonOfValue(data)
    if (data !== undefined && json === undefined) return unwritable("event.data")
    const failure = filterFailure(filter, { type, metadata, ...(json === undefined ? {} : { data: json }) })
    return create(TestFilterResponseSchema, failure === undefined ? { matches: true } : { failedClause: failedClauseOf(failure) })
  }
