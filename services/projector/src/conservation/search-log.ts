import { limits, partitionOf, TrySearch, type LogPlace, type SuspectDelivery } from "@posthorn/core"
import { decode, type LogReader, type LogRecord } from "@posthorn/log"
import { ControlRecordSchema, DeliveryDueSchema, ParkedRecordSchema } from "@posthorn/proto"
import { TRY_TOPICS, type LogReach } from "./log-reach.ts"

/** Offsets read at a time. */
const PORTION = 2000

export interface SearchOptions {
  readonly log: LogReader
  readonly suspects: readonly SuspectDelivery[]
  readonly reach: LogReach
  readonly signal: AbortSignal
  /** Default `CONSERVATION_SEARCH_RECORDS_MAX`. */
  readonly recordsMax?: number
}

/** Looks in the log for what carries these deliveries on. Reads hardly more than so many records, each partition its share. */
export async function searchLog(options: SearchOptions): Promise<TrySearch> {
  const { log, suspects, reach, signal } = options
  const search = new TrySearch(suspects)
  const byPartition = Map.groupBy(suspects, ({ subscriptionId }) => partitionOf(subscriptionId, log.partitions("deliveries")))
  const recordsMax = Math.ceil((options.recordsMax ?? limits.CONSERVATION_SEARCH_RECORDS_MAX) / byPartition.size)
  for (const [partition, wanted] of byPartition) {
    if (await searchPartition({ log, search, reach, signal, partition, wanted, recordsMax })) continue
    for (const suspect of wanted) search.leave(suspect)
  }
  return search
}

interface PartitionSearch extends Omit<SearchOptions, "suspects" | "recordsMax"> {
  readonly search: TrySearch
  readonly partition: number
  readonly wanted: readonly SuspectDelivery[]
  readonly recordsMax: number
}

/** Answers whether all was read that had to be. */
async function searchPartition({ log, search, reach, signal, partition, wanted, recordsMax }: PartitionSearch): Promise<boolean> {
  let left = recordsMax
  for (const topic of TRY_TOPICS) {
    const high = (await log.ends(topic))[partition]?.high ?? 0
    const from = reach.tries.find((each) => each.topic === topic && each.partition === partition)?.offset ?? 0
    for (let at = from; at < high; at += PORTION) {
      if (search.knows(wanted)) return true
      if (left <= 0 || signal.aborted) return false
      await log.read([{ topic, partition, from: at, to: Math.min(at + PORTION, high) }], (records) => {
        left -= records.length
        for (const record of records) take(search, record)
      })
    }
  }
  return true
}

function take(search: TrySearch, { topic, partition, offset, value }: LogRecord): void {
  const place: LogPlace = { topic, partition, offset }
  if (topic === "parked") {
    const parked = decode(ParkedRecordSchema, value)
    if (parked) search.parked(parked, place)
  } else if (topic === "control") {
    const control = decode(ControlRecordSchema, value)?.record
    if (control?.case === "run" && control.value.due) search.due(control.value.due, place)
  } else {
    const due = decode(DeliveryDueSchema, value)
    if (due) search.due(due, place)
  }
}
