import { create, toJsonString } from "@bufbuild/protobuf"
import { isRefusal, type Refusal } from "@posthorn/core"
import { DeadLetterFilterSchema, type DeadLetterFilter } from "@posthorn/proto"
import { applicationOf } from "../access/tenancy.ts"
import type { Call } from "../call.ts"
import type { RpcContext } from "../rpc/rpc-context.ts"
import { createTask, type CountedTask, type TaskRequest } from "./create-task.ts"

/** What a redrive and a discard have in common. */
export interface DeadLetterTask extends Omit<TaskRequest, "applicationId" | "filter" | "count"> {
  readonly filter: DeadLetterFilter
}

export async function createDeadLetterTask(context: RpcContext, call: Call, request: DeadLetterTask): Promise<CountedTask | Refusal> {
  const applicationId = applicationOf(context.config.table, call.caller, request.filter.applicationId)
  if (isRefusal(applicationId)) return applicationId
  const filter = create(DeadLetterFilterSchema, request.filter)
  filter.applicationId = applicationId
  const count = () => context.reader.countOpen(filter)
  return createTask(context, call, { ...request, applicationId, filter: toJsonString(DeadLetterFilterSchema, filter), count })
}
