import { foldStatus, idsNamedBy, type ProjectedRecord } from "@posthorn/core"
import type { ProjectedRange, StatusStore } from "../status-store.ts"

/** Projects records as one batch, from where their partitions are. */
export async function projectRecords(store: StatusStore, records: readonly ProjectedRecord[]): Promise<"done" | "stale"> {
  return store.project(await batchOf(store, records))
}

/** The batch of some records, as a projector makes it. */
export async function batchOf(store: StatusStore, records: readonly ProjectedRecord[]) {
  const next = new Map<string, { topic: string; partition: number; next: number }>()
  for (const { topic, partition, offset } of records) next.set(`${topic}/${partition}`, { topic, partition, next: offset + 1 })
  const partitions = [...next.values()]
  const firsts = await store.positions(partitions.map(({ topic, partition }) => ({ topic, partition, low: 0 })))
  const ranges: ProjectedRange[] = partitions.map((range, index) => ({ ...range, first: firsts[index] ?? 0 }))
  const known = await store.knownEntities(idsNamedBy(records.flatMap((record) => (record.topic === "config" ? [record.message] : []))))
  return { ranges, rows: foldStatus(records, known) }
}
