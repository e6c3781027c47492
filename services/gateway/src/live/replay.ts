import { create } from "@bufbuild/protobuf"
import { limits } from "@posthorn/core"
import type { LogReader, LogRecord } from "@posthorn/log"
import { WatchDeliveriesResponseSchema, type WatchDeliveriesResponse } from "@posthorn/proto"
import { changeOf } from "./delivery-change.ts"
import type { Turns } from "./turns.ts"
import { type Watcher, wants } from "./watcher.ts"

export interface ReplayOptions {
  readonly log: Pick<LogReader, "read">
  readonly turns: Turns
  readonly watcher: Watcher
  readonly cursorAt: (positions: readonly number[]) => string
}

type Messages = AsyncGenerator<WatchDeliveriesResponse, void>

/** What a watcher wants of the records between two positions, one partition after the other, a stretch at a time. Ends early when the watcher does. */
export async function* replay(options: ReplayOptions, from: readonly number[], to: readonly number[]): Messages {
  const { log, turns, watcher, cursorAt } = options
  const at = [...from]
  for (const [partition, end] of to.entries()) {
    for (let next = at[partition] ?? end; next < end; next = at[partition] ?? end) {
      if (watcher.gone || watcher.ended !== undefined) return
      const stretch = { topic: "attempts", partition, from: next, to: Math.min(end, next + limits.WATCH_CHUNK_RECORDS) } as const
      const found: { readonly offset: number; readonly content: WatchDeliveriesResponse["content"] }[] = []
      const take = (record: LogRecord): void => {
        const change = changeOf(record)
        if (change?.delivery !== undefined && wants(watcher.wanted, change.delivery))
          found.push({ offset: record.offset, content: { case: "change", value: change } })
      }
      await turns.take(async () => watcher.gone || log.read([stretch], (records) => records.forEach(take)))
      for (const { offset, content } of found) {
        at[partition] = offset + 1
        yield create(WatchDeliveriesResponseSchema, { cursor: cursorAt(at), content })
      }
      at[partition] = stretch.to
    }
  }
}

/** How many records are between two positions, at most. */
export const behind = (from: readonly number[], to: readonly number[]): number =>
  to.reduce((sum, end, partition) => sum + Math.max(0, end - (from[partition] ?? 0)), 0)
