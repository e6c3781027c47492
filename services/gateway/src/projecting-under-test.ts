import { setTimeout as wait } from "node:timers/promises"
import type { AnalyticsWriter } from "@posthorn/analytics"
import { attemptRow, decodeRecord, eventRow, foldStatus, idsNamedBy, PROJECTED_TOPICS, type ProjectedRecord } from "@posthorn/core"
import type { EventLog } from "@posthorn/log"
import { StoreUnavailable, type StatusStore } from "@posthorn/store"

/** Takes all that the log holds and the store has not seen into the status views, as the projector does. */
export async function project(log: EventLog, store: StatusStore): Promise<void> {
  for (const topic of PROJECTED_TOPICS) {
    const ends = await log.ends(topic)
    const firsts = await store.positions(ends.map(({ partition, low }) => ({ topic, partition, low })))
    const ranges = ends.map(({ partition, high }, index) => ({ topic, partition, first: firsts[index] ?? 0, next: high }))
    const records: ProjectedRecord[] = []
    await log.read(
      ranges.map(({ partition, first, next }) => ({ topic, partition, from: first, to: next })),
      (found) => {
        for (const { partition, offset, value } of found) {
          const decoded = decodeRecord(topic, value)
          if ("undecodable" in decoded) throw new Error(decoded.undecodable)
          records.push({ ...decoded, partition, offset })
        }
      },
    )
    if (records.length === 0) continue
    const known = await store.knownEntities(idsNamedBy(records.flatMap((record) => (record.topic === "config" ? [record.message] : []))))
    await store.project({ ranges: ranges.filter(({ first, next }) => next > first), rows: foldStatus(records, known) })
  }
}

/** Takes all that the log holds into analytics, as the projector does. */
export async function analyze(log: EventLog, analytics: AnalyticsWriter): Promise<void> {
  for (const topic of ["events", "attempts"] as const) {
    const ranges = (await log.ends(topic)).map(({ partition, low, high }) => ({ topic, partition, from: low, to: high }))
    const records: { readonly offset: number; readonly decoded: ReturnType<typeof decodeRecord> }[] = []
    await log.read(ranges, (found) => records.push(...found.map(({ offset, value }) => ({ offset, decoded: decodeRecord(topic, value) }))))
    const rowsOf = <Row>(rowOf: (record: (typeof records)[number]) => Row | undefined): Row[] =>
      records.map(rowOf).filter((row) => row !== undefined)
    await analytics.insert({
      events: rowsOf(({ offset, decoded }) =>
        "topic" in decoded && decoded.topic === "events" ? eventRow(decoded.message, offset) : undefined,
      ),
      attempts: rowsOf(({ offset, decoded }) =>
        "topic" in decoded && decoded.topic === "attempts" ? attemptRow(decoded.message, offset) : undefined,
      ),
      token: `${topic}/${ranges.map(({ from, to }) => `${from}-${to}`).join()}`,
    })
  }
}

/** Does so again and again, also after an outage, until it is stopped. */
export function keepProjecting(log: EventLog, store: StatusStore): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await project(log, store).catch((error: unknown) => {
        if (!(error instanceof StoreUnavailable)) throw error
      })
      await wait(20)
    }
  }
  const ended = run()
  return {
    stop: async () => {
      stopping.abort()
      await ended
    },
  }
}
