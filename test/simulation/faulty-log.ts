import { LogUnavailable, type EventLog, type NewRecord, type Position } from "@posthorn/log"
import type { Ledger } from "./ledger.ts"
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
  readonly ledger: Ledger
  readonly time: VirtualTime
  readonly random: Random
  readonly faults: () => AppendFaults
}

/** A client of the log whose appends take time and go wrong in the ways that the port allows. */
export function faultyLog({ log, ledger, time, random, faults }: FaultyLogOptions): EventLog {
  async function append(records: readonly NewRecord[]): Promise<readonly Position[]> {
    const { refused, unknown, twice, slow } = faults()
    const takesMs = (): number => (random.chance(slow) ? random.between(500, 4000) : random.between(0, 10))
    await time.sleep(takesMs())
    if (random.chance(refused)) throw new LogUnavailable("refused, as the seed wants it", "refused")
    const inDoubt = random.chance(unknown)
    const taken = inDoubt && random.chance(0.5) ? firstOfEachPartition(records, random) : records
    const positions = await ledger.append(log, taken)
    if (random.chance(twice)) await ledger.append(log, taken)
    await time.sleep(takesMs())
    if (inDoubt) throw new LogUnavailable("unknown, as the seed wants it", "unknown")
    return positions
  }
  return { ...log, append }
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
