import { foldStatus, idsNamedBy, type ProjectedRecord, type StatusRows } from "@posthorn/core"
import type { StatusProjection } from "@posthorn/store"

/** What records make of a status view. Those of `config` follow the ones that the view has taken in already. */
export async function rowsOf(status: Pick<StatusProjection, "knownEntities">, records: readonly ProjectedRecord[]): Promise<StatusRows> {
  const changes = records.flatMap((record) => (record.topic === "config" ? [record.message] : []))
  const known = changes.length === 0 ? [] : await status.knownEntities(idsNamedBy(changes))
  return foldStatus(records, known)
}
