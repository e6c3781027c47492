import { create, fromBinary, toBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { DeadLetterReason, DeadLetterRecordSchema } from "@posthorn/proto"
import type { LogRecord, NewRecord } from "./event-log.ts"

/** The message of a record's value, or `undefined` when the bytes are not one. */
export function decode<Desc extends DescMessage>(schema: Desc, value: Uint8Array): MessageShape<Desc> | undefined {
  if (value.length === 0) return undefined
  try {
    return fromBinary(schema, value)
  } catch {
    // Whoever reads it decides what becomes of a record that is none of ours.
    return undefined
  }
}

/** Bytes of a value that are kept of a record that could not be decoded. */
const KEPT_BYTES_MAX = 64 * 1024

/** The dead letter of a record that could not be decoded. The same record gives the same letter but for the time. */
export function poisonLetter(record: LogRecord, error: string, nowMs: number): NewRecord {
  const { topic, partition, offset, key } = record
  const value = record.value.subarray(0, KEPT_BYTES_MAX)
  const letter = create(DeadLetterRecordSchema, {
    reason: DeadLetterReason.POISON,
    error,
    deadAt: timestampFromMs(nowMs),
    content: { case: "poison", value: { topic, partition, offset: BigInt(offset), key: key.slice(0, 1000), value } },
  })
  return { topic: "dead-letters", key: topic, value: toBinary(DeadLetterRecordSchema, letter) }
}
