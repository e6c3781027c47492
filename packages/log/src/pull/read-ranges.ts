import { limits } from "@posthorn/core"
import type { LogRecord, Range } from "../event-log.ts"
import { wasCut, type RecordSource } from "./record-source.ts"

/** Reads ranges one after the other; see `LogReader.read`. */
export async function readRanges(
  source: RecordSource,
  ranges: readonly Range[],
  onRecords: (records: readonly LogRecord[]) => void,
): Promise<void> {
  for (const { topic, partition, from, to } of ranges) {
    for (let next = from; next < to;) {
      const request = {
        topic,
        partition,
        from: next,
        records: Math.min(limits.FETCH_RECORDS_MAX, to - next),
        bytes: limits.FETCH_BYTES_MAX,
      }
      const [records = []] = await source.fetch([request])
      const wanted = records.filter((record) => record.offset < to)
      const last = wanted.at(-1)
      if (last !== undefined) onRecords(wanted)
      if (last === undefined || wanted.length < records.length || !wasCut(request, records)) break
      next = last.offset + 1
    }
  }
}
