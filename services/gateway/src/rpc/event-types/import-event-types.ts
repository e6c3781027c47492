import { randomUUID } from "node:crypto"
import { create } from "@bufbuild/protobuf"
import { assert, decideImportEventType, isRefusal, webhooksOf, type DecidedImport, type Refusal, type Webhook } from "@posthorn/core"
import {
  ImportedEventTypeSchema,
  ImportEventTypesResponseSchema,
  ImportResult,
  RefusalSchema,
  type EventTypeService,
  type ImportedEventType,
} from "@posthorn/proto"
import { applicationOf } from "../../access/tenancy.ts"
import type { Call, Handler } from "../../call.ts"
import { changeConfig } from "../../commands/change-config.ts"
import { forItem } from "../../commands/keyed.ts"
import { refuseSchemas } from "../../schemas/refuse-schemas.ts"
import type { RpcContext } from "../rpc-context.ts"

/** Characters of a name that is told: one that is refused may have any number. */
const TOLD_LENGTH_MAX = 200
const RESULTS = { created: ImportResult.CREATED, updated: ImportResult.UPDATED, unchanged: ImportResult.UNCHANGED } as const

/** One after the other, so that each counts for the application's bounds. */
export const importEventTypes =
  (context: RpcContext): Handler<typeof EventTypeService.method.importEventTypes> =>
  async (request, call) => {
    const { document, dryRun } = request
    assert(document, "the contract requires a document")
    const applicationId = applicationOf(context.config.table, call.caller, request.applicationId)
    if (isRefusal(applicationId)) return applicationId
    const webhooks = webhooksOf(document)
    if (isRefusal(webhooks)) return webhooks
    const results: ImportedEventType[] = []
    for (const webhook of webhooks) {
      const result = "refused" in webhook ? webhook.refused : await importOne(context, call, { applicationId, webhook, dryRun })
      results.push(shown(webhook.name, result))
    }
    return create(ImportEventTypesResponseSchema, { results })
  }

interface Wanted {
  readonly applicationId: string
  readonly webhook: Webhook
  readonly dryRun: boolean
}

async function importOne(context: RpcContext, call: Call, { webhook, dryRun, applicationId }: Wanted): Promise<DecidedImport | Refusal> {
  const { table } = context.config
  const refused = await refuseSchemas(context.schemas, applicationId, [webhook])
  if (refused) return refused
  const actor = { id: call.caller.keyId, requestId: call.requestId }
  let decided = decideImportEventType(table, { applicationId, webhook }, { changeId: randomUUID(), nowMs: context.nowMs(), actor })
  if (dryRun || isRefusal(decided) || decided.change === undefined) return decided
  const done = await changeConfig(context, forItem(call, webhook.name), (change) => {
    decided = decideImportEventType(table, { applicationId, webhook }, change)
    return isRefusal(decided) ? decided : decided.change
  })
  return isRefusal(done) ? done : decided
}

function shown(name: string, result: DecidedImport | Refusal): ImportedEventType {
  const told = name.slice(0, TOLD_LENGTH_MAX).toWellFormed()
  if (!isRefusal(result)) return create(ImportedEventTypeSchema, { name: told, result: RESULTS[result.result], version: result.version })
  const { code, message, details } = result
  const refusal = create(RefusalSchema, { code, message, details: details.map(({ field, reason }) => ({ field, reason })) })
  return create(ImportedEventTypeSchema, { name: told, result: ImportResult.REFUSED, refusal })
}
