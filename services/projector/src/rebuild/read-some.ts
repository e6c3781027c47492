import type { LogReader, LogRecord, Range } from "@posthorn/log"

export interface Some {
  readonly records: readonly LogRecord[]
  /** Where to read on. */
  readonly next: number
}

/** Ends a read that has brought enough. */
class Enough extends Error {}

/** Reads the first records of a range, at most so many and, beyond what comes at once, so many bytes of values. */
export async function readSome(
  log: Pick<LogReader, "read">,
  range: Range,
  { recordsMax, bytesMax }: { readonly recordsMax: number; readonly bytesMax: number },
): Promise<Some> {
  const records: LogRecord[] = []
  let bytes = 0
  const take = (more: readonly LogRecord[]): void => {
    for (const record of more) {
      records.push(record)
      bytes += record.value.length
    }
    if (records.length >= recordsMax || bytes >= bytesMax) throw new Enough()
  }
  try {
    await log.read([range], take)
    return { records, next: range.to }
  } catch (error) {
    const last = records.at(-1)
    if (!(error instanceof Enough) || last === undefined) throw error
    return { records, next: last.offset + 1 }
  }
}
