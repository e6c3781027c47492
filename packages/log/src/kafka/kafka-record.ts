import type { Topic } from "@posthorn/core"
import type { LogRecord } from "../event-log.ts"

/** What the client gives of a record, in a group or outside. */
export interface KafkaMessage {
  readonly offset: string
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
}

const NOTHING = new Uint8Array(0)

/** Others may write without a key, or delete by writing no value: both become empty. */
export function toLogRecord(topic: Topic, partition: number, message: KafkaMessage): LogRecord {
  return {
    topic,
    partition,
    offset: Number(message.offset),
    key: message.key?.toString() ?? "",
    value: message.value ?? NOTHING,
    appendedAtMs: Number(message.timestamp),
  }
}
