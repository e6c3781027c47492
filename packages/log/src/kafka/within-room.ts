import { recordBytes } from "../append-batcher.ts"
import type { LogRecord } from "../event-log.ts"

/** The first records that a window has room for. The last of them may go over the bytes, so that a record larger than all of the room moves on. */
export function withinRoom(
  records: readonly LogRecord[],
  room: { readonly records: number; readonly bytes: number },
): readonly LogRecord[] {
  let bytes = 0
  const over = records.findIndex((record, index) => {
    if (index >= room.records || bytes >= room.bytes) return true
    bytes += recordBytes(record)
    return false
  })
  return over === -1 ? records : records.slice(0, over)
}
