import { fromBinary, toBinary } from "@bufbuild/protobuf"
import { ConfigCapture, evolveConfig, limits, type ConfigTable, type EntityChange } from "@posthorn/core"
import { ConfigChangedSchema, type ConfigChanged } from "@posthorn/proto"
import { newestSnapshot, type Captured } from "./config-snapshots.ts"
import { LogUnavailable, type LogAppender, type LogReader, type LogRecord } from "./event-log.ts"

/** The `config` topic as a table in memory, and the way to change it. */
export interface ConfigFollower {
  readonly table: ConfigTable
  /** The next offset of `config` that will be read. */
  readonly position: number
  /** Resolves once `position` is at least this. Rejects with `LogUnavailable` after `CONFIG_READ_TIMEOUT_MS`. */
  reached(position: number): Promise<void>
  /**
   * Appends a change and answers whether it took effect, once this follower has read it: the table then shows it.
   * False: the entity's version was another one by then, and every reader ignores the change.
   * Rejects with `LogUnavailable`, `unknown` when the change may take effect all the same.
   */
  propose(change: ConfigChanged): Promise<boolean>
  /** Does something with the table as it is at the call, which goes on changing meanwhile. */
  whileCaptured(work: (captured: Captured) => Promise<void>): Promise<void>
  /** Reads no more. Whoever waits is rejected in time. */
  close(): Promise<void>
}

export interface ConfigFollowerOptions {
  /** Called with what a record changed, after the table shows it, also for what was there at the start. Must not throw. */
  readonly onChange?: (changes: readonly EntityChange[]) => void
  /** Called for a record that cannot be decoded; it is passed over by every reader alike. */
  readonly onUndecodable?: (record: LogRecord, cause: unknown) => void
}

/** Reads `config`, from the newest snapshot or else from its beginning, and goes on reading. Resolves once all that was there has been read. */
export async function followConfig(log: LogAppender & LogReader, options: ConfigFollowerOptions = {}): Promise<ConfigFollower> {
  const { table, position: start } = await newestSnapshot(log)
  const positions = new Set<{ readonly position: number; readonly resolve: () => void }>()
  const effects = new Map<string, (tookEffect: boolean) => void>()
  const captures = new Set<ConfigCapture>()
  let position = start
  if (options.onChange !== undefined) for (const id of table.ids()) options.onChange([{ before: undefined, after: table.entity(id) }])

  const take = (record: LogRecord) => {
    const change = decode(record, options)
    if (change === undefined) return
    const changes = evolveConfig(table, change, record.offset)
    for (const capture of captures) capture.changed(changes)
    if (changes.length > 0) options.onChange?.(changes)
    effects.get(change.changeId)?.(changes.length > 0)
    // A record that the log holds twice has its effect the first time.
    effects.delete(change.changeId)
  }
  const follower = await log.follow("config", start, (records) => {
    for (const record of records) {
      take(record)
      position = record.offset + 1
    }
    for (const waiting of positions) if (waiting.position <= position) waiting.resolve()
  })

  return {
    table,
    get position() {
      return position
    },
    async reached(wanted) {
      if (position >= wanted) return
      const { promise, resolve } = Promise.withResolvers<void>()
      const waiting = { position: wanted, resolve }
      positions.add(waiting)
      await inTime(promise).finally(() => positions.delete(waiting))
    },
    async propose(change) {
      const { promise, resolve } = Promise.withResolvers<boolean>()
      effects.set(change.changeId, resolve)
      try {
        await log.append([{ topic: "config", key: change.entityId, value: toBinary(ConfigChangedSchema, change) }])
        return await inTime(promise)
      } finally {
        effects.delete(change.changeId)
      }
    },
    async whileCaptured(work) {
      const capture = new ConfigCapture(table)
      captures.add(capture)
      await work({ capture, position }).finally(() => captures.delete(capture))
    },
    close: () => follower.close(),
  }
}

function decode(record: LogRecord, options: ConfigFollowerOptions): ConfigChanged | undefined {
  try {
    return fromBinary(ConfigChangedSchema, record.value)
  } catch (cause) {
    options.onUndecodable?.(record, cause)
    return undefined
  }
}

async function inTime<T>(promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new LogUnavailable("the config topic is not read in time", "unknown")),
    limits.CONFIG_READ_TIMEOUT_MS,
  )
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
