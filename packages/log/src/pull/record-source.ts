import type { Topic } from "@posthorn/core"
import { recordBytes } from "../append-batcher.ts"
import type { LogRecord } from "../event-log.ts"

/** Asks for records of one partition. */
export interface FetchRequest {
  readonly topic: Topic
  readonly partition: number
  /** First offset wanted. */
  readonly from: number
  /** Most records to answer. */
  readonly records: number
  /** The answer ends with the record that reaches this many bytes. */
  readonly bytes: number
}

export type AppendListener = (topic: Topic, partitions?: ReadonlySet<number>) => void

/** What an adapter that is asked for records, rather than pushing them, offers to members, followers and range readers. */
export interface RecordSource {
  /** Answers, for every request, the records that there are from its offset on, without waiting for more. */
  fetch(requests: readonly FetchRequest[]): Promise<readonly (readonly LogRecord[])[]>
  /**
   * Calls back soon after records were appended to a topic, or may have been; with the partitions when they are known. Answers a function
   * that ends it.
   */
  onAppended(listener: AppendListener): () => void
}

/** Whether the answer was cut short by a bound, so that there may be more. */
export function wasCut(request: FetchRequest, records: readonly LogRecord[]): boolean {
  if (records.length >= request.records) return true
  return records.reduce((sum, record) => sum + recordBytes(record), 0) >= request.bytes
}
