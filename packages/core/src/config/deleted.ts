import { create } from "@bufbuild/protobuf"
import { DeletedSchema } from "@posthorn/proto"
import type { Change } from "./change.ts"
import { applicationIdOf, idOf, type Entity } from "./entities.ts"

/** The end of an entity. */
export function deleted(entity: Entity): Change {
  const value = create(DeletedSchema, { kind: entity.kind, applicationId: applicationIdOf(entity) })
  return { entityId: idOf(entity), version: entity.version, state: { case: "deleted", value } }
}
