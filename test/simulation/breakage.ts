import { fromBinary, toBinary } from "@bufbuild/protobuf"
import type { Topic } from "@posthorn/core"
import type { EventLog, GroupHandler, LogRecord, NewRecord, OwnedPartition } from "@posthorn/log"
import { AttemptRecordSchema, ConfigChangedSchema, DeliveryDueSchema, EventAcceptedSchema } from "@posthorn/proto"

/** Ways to break the engine on purpose, to see that the simulation finds it: each is the log as an engine broken so would use it. */
const BREAKAGES = {
  "finishes early": (log: EventLog) =>
    withHandler(log, (handler) => ({
      ...handler,
      records(partition, records) {
        for (const { offset } of records) partition.finish(offset)
        handler.records(partition, records)
      },
    })),
  "forgets the tail": (log: EventLog) => withoutReading(log, (topic) => topic === "attempts"),
  "never sweeps": (log: EventLog) => withoutReading(log, (topic) => topic.startsWith("retry.")),
  // Takes an append in doubt for a good one.
  "loses appends": (log: EventLog): EventLog => ({ ...log, append: (records) => log.append(records).catch(() => []) }),
  "skips the wait": (log: EventLog) =>
    withRecords(log, (record) => (record.topic.startsWith("retry.") ? { ...record, topic: "deliveries" } : record)),
  "drops poison": (log: EventLog) =>
    withHandler(log, (handler) => ({
      ...handler,
      records(partition, records) {
        for (const { offset, value } of records) if (value.length === 0) partition.finish(offset)
        handler.records(
          partition,
          records.filter(({ value }) => value.length > 0),
        )
      },
    })),
  "ignores revocation": (log: EventLog) => withHandler(log, deafToRevocation),
  "counts deferrals": (log: EventLog) =>
    withRecords(log, (record) => {
      if (!record.topic.startsWith("retry.")) return record
      const due = fromBinary(DeliveryDueSchema, record.value)
      if (due.deferrals > 0) due.attempt++
      return { ...record, value: toBinary(DeliveryDueSchema, due) }
    }),
  "ignores changes": (log: EventLog): EventLog => ({
    ...log,
    async follow(topic, from, onRecords) {
      let atStart = true
      const follower = await log.follow(topic, from, (records) => onRecords(atStart ? records : records.map(unreadable)))
      atStart = false
      return follower
    },
  }),
  "parks nothing": (log: EventLog): EventLog => ({
    ...log,
    append: (records) => log.append(records.filter(({ topic }) => topic !== "parked")),
  }),
  "says nothing of what nobody takes": (log: EventLog): EventLog => ({
    ...log,
    append: (records) => log.append(records.filter((record) => !tellsOfUnmatched(record))),
  }),
  "ignores pauses": (log: EventLog): EventLog => ({
    ...log,
    follow: (topic, from, onRecords) => log.follow(topic, from, (records) => onRecords(records.map(withoutPause))),
  }),
  "ignores wishes": (log: EventLog) =>
    withHandler(
      withoutReading(log, (topic) => topic === "control"),
      (handler) => ({
        ...handler,
        records(partition, records) {
          if (partition.topic !== "control") return handler.records(partition, records)
          for (const { offset } of records) partition.finish(offset)
        },
      }),
    ),
  "takes its news for a sender's": (log: EventLog) =>
    withRecords(log, (record) => {
      if (record.topic !== "events") return record
      return { ...record, value: toBinary(EventAcceptedSchema, { ...fromBinary(EventAcceptedSchema, record.value), operational: false }) }
    }),
} as const
export type Breakage = keyof typeof BREAKAGES

/** The log as a broken engine would use it. */
export const broken = (log: EventLog, breakage: Breakage | undefined): EventLog => (breakage === undefined ? log : BREAKAGES[breakage](log))

const tellsOfUnmatched = ({ topic, value }: NewRecord): boolean =>
  topic === "attempts" && fromBinary(AttemptRecordSchema, value).record.case === "unmatched"

const unreadable = (record: LogRecord): LogRecord => ({ ...record, value: Uint8Array.of(0xff) })

/** To whom nobody pauses anything. */
function withoutPause(record: LogRecord): LogRecord {
  const change = fromBinary(ConfigChangedSchema, record.value)
  if (change.state.case === "subscription" && change.state.value.subscription) change.state.value.subscription.paused = false
  return { ...record, value: toBinary(ConfigChangedSchema, change) }
}

/** The log in which these topics seem to be empty to who reads them by position. */
const withoutReading = (log: EventLog, without: (topic: Topic) => boolean): EventLog => ({
  ...log,
  read: (ranges, onRecords) =>
    log.read(
      ranges.filter(({ topic }) => !without(topic)),
      onRecords,
    ),
})

const withRecords = (log: EventLog, change: (record: NewRecord) => NewRecord): EventLog => ({
  ...log,
  append: (records) => log.append(records.map(change)),
})

const withHandler = (log: EventLog, wrap: (handler: GroupHandler) => GroupHandler): EventLog => ({
  ...log,
  join: (options) => log.join({ ...options, handler: wrap(options.handler) }),
})

/** A handler to which no partition is ever lost. */
function deafToRevocation(handler: GroupHandler): GroupHandler {
  const known = new WeakMap<OwnedPartition, OwnedPartition>()
  const { signal } = new AbortController()
  const kept = (partition: OwnedPartition): OwnedPartition => {
    const { topic, partition: number } = partition
    const found = known.get(partition) ?? {
      topic,
      partition: number,
      signal,
      finish: (offset: number) => partition.finish(offset),
      seek: (offset: number) => partition.seek(offset),
    }
    known.set(partition, found)
    return found
  }
  return {
    failed: (error) => handler.failed(error),
    assigned: async (partition, committed) => handler.assigned?.(kept(partition), committed),
    records: (partition, records) => handler.records(kept(partition), records),
  }
}
