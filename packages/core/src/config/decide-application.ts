import { clone, create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { ApplicationSchema, ApplicationStateSchema, PayloadValidation, type Application, type ConfigChanged } from "@posthorn/proto"
import { isRefusal, type Refusal } from "../refusal.ts"
import { applyMask } from "./apply-mask.ts"
import { changed, etagOf, judgeEtag, noSuch, type Change, type ChangeContext } from "./change.ts"
import type { ConfigTable } from "./config-table.ts"
import { deleted } from "./deleted.ts"

/** Fields that the server sets. */
const SERVER_FIELDS = ["id", "created_at", "updated_at", "etag"]

export function decideCreateApplication(
  command: { readonly id: string; readonly application: Application },
  context: ChangeContext,
): ConfigChanged {
  const application = clone(ApplicationSchema, command.application)
  application.id = command.id
  application.createdAt = timestampFromMs(context.nowMs)
  return changed(stateOf(application, 0, context), context)
}

export interface UpdateApplication {
  readonly applicationId: string
  readonly application: Application
  /** As in `applyMask`. */
  readonly paths: readonly string[]
}

export function decideUpdateApplication(table: ConfigTable, command: UpdateApplication, context: ChangeContext): ConfigChanged | Refusal {
  const entity = table.application(command.applicationId)
  if (entity === undefined) return noSuch("application")
  const stale = judgeEtag(entity, command.application.etag)
  if (stale) return stale
  const application = applyMask({
    schema: ApplicationSchema,
    current: entity.application,
    wanted: command.application,
    paths: command.paths,
    serverFields: SERVER_FIELDS,
  })
  return isRefusal(application) ? application : changed(stateOf(application, entity.version, context), context)
}

export interface DeleteApplication {
  readonly applicationId: string
  /** Empty = whatever it is. */
  readonly etag: string
}

/** Its keys and subscriptions go with it, see `evolve`. */
export function decideDeleteApplication(table: ConfigTable, command: DeleteApplication, context: ChangeContext): ConfigChanged | Refusal {
  const entity = table.application(command.applicationId)
  return entity === undefined ? noSuch("application") : (judgeEtag(entity, command.etag) ?? changed(deleted(entity), context))
}

/** Fills in what the server sets, in place. */
function stateOf(application: Application, version: number, context: ChangeContext): Change {
  application.payloadValidation ||= PayloadValidation.OFF
  application.updatedAt = timestampFromMs(context.nowMs)
  application.etag = etagOf(version + 1)
  return { entityId: application.id, version, state: { case: "application", value: create(ApplicationStateSchema, { application }) } }
}
