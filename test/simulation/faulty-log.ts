import { LogUnavailable, type EventLog, type NewRecord, type Position } from "@posthorn/log"
import type { Random } from "./random.ts"
import type { VirtualTime } from "./virtual-time.ts"

/** How often an append goes wrong, as shares of one. */
export interface AppendFaults {
  /** Nothing is appended, and the caller is told so. */
  readonly refused: number
  /** The caller is told nothing certain; all, some or none of it is in the log. */
  readonly unknown: number
  /** All of it is in the log twice. */
  readonly twice: number
  /** Takes seconds. */
  readonly slow: number
}

export interface FaultyLogOptions {
  readonly log: EventLog
  readonly append: EventLog["append"]
  readonly time: VirtualTime
  readonly random: Random
  readonly faults: () => AppendFaults
}

/**
 * A client of the log whose requests take time, and whose appends go wrong in the ways that the port allows. What was asked happens
 * whatever becomes of who asked; the answer reaches them only if they are there.
 */
export function faultyLog({ log, append: appendTo, time, random, faults }: FaultyLogOptions): EventLog {
  async function asked<T>(work: () => Promise<T>, takesMs: () => number): Promise<T> {
    const [answer] = await time.inside(undefined, async () => {
      await time.sleep(takesMs())
      return Promise.allSettled([work()])
    })
    await time.sleep(takesMs())
    if (answer.status === "rejected") throw answer.reason
    return answer.value
  }

  function append(records: readonly NewRecord[]): Promise<readonly Position[]> {
    const { refused, unknown, twice, slow } = faults()
    const takesMs = (): number => (random.chance(slow) ? random.between(500, 4000) : random.between(0, 10))
    return asked(async () => {
      if (random.chance(refused)) throw new LogUnavailable("refused, as the seed wants it", "refused")
      const inDoubt = random.chance(unknown)
      const taken = inDoubt && random.chance(0.5) ? firstOfEachPartition(records, random) : records
      const positions = await appendTo(taken)
      if (random.chance(twice)) await appendTo(taken)
      if (inDoubt) throw new LogUnavailable("unknown, as the seed wants it", "unknown")
      return positions
    }, takesMs)
  }

  const soon = (): number => random.between(0, 5)
  return {
    ...log,
    append,
    ends: (topic) => asked(() => log.ends(topic), soon),
    offsetAt: (topic, partition, timeMs) => asked(() => log.offsetAt(topic, partition, timeMs), soon),
    // What is read is handed over in the reader's own time.
    async read(ranges, onRecords) {
      await time.sleep(soon())
      await log.read(ranges, onRecords)
    },
    lag: (group, topics) => asked(() => log.lag(group, topics), soon),
  }
}

/** Some of the records: what a partition took is the beginning of what it was given. */
function firstOfEachPartition(records: readonly NewRecord[], random: Random): NewRecord[] {
  const cut = new Set<string>()
  return records.filter(({ topic, key, partition }) => {
    const place = `${topic}/${partition ?? key}`
    if (random.chance(0.5)) cut.add(place)
    return !cut.has(place)
  })
}
