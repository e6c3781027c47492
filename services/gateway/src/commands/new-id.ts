import { randomFillSync } from "node:crypto"
import { formatId, type IdKind } from "@posthorn/core"

/** Ids that can be told apart within one millisecond (12 bits). */
const COUNTER_END = 4096
/** Random bytes asked of the system at once: one call costs more than all the rest of an id. */
const POOL_BYTES = 4096
const RANDOM_BYTES = 8

/**
 * Makes ids as UUID version 7: milliseconds, a counter within them, 62 random bits. Ids of one maker sort in the order in which they were
 * made, also when the clock goes back; those of different makers by their clocks.
 */
export function createNewId(nowMs: () => number): (kind: IdKind) => string {
  let lastMs = 0
  let counter = 0
  const pool = Buffer.alloc(POOL_BYTES)
  let used = POOL_BYTES
  const bytes = Buffer.alloc(16)
  return (kind) => {
    const ms = nowMs()
    counter = ms > lastMs ? 0 : counter + 1
    lastMs = Math.max(ms, lastMs)
    if (counter === COUNTER_END) {
      counter = 0
      lastMs++
    }
    if (used === POOL_BYTES) {
      randomFillSync(pool)
      used = 0
    }
    pool.copy(bytes, 8, used, used + RANDOM_BYTES)
    used += RANDOM_BYTES
    bytes.writeUIntBE(lastMs, 0, 6)
    bytes.writeUInt16BE(0x7000 | counter, 6)
    bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8)
    return formatId(kind, bytes)
  }
}
