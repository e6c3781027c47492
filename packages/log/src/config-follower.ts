import { fromBinary, toBinary } from "@bufbuild/protobuf"
import { ConfigTable, evolveConfig, limits, type EntityChange } from "@posthorn/core"
import { ConfigChangedSchema, type ConfigChanged } from "@posthorn/proto"
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
  /** Reads no more. Whoever waits is rejected in time. */
  close(): Promise<void>
}

export interface ConfigFollowerOptions {
  /** Called with what a record changed, after the table shows it, also for what was there at the start. Must not throw. */
  readonly onChange?: (changes: readonly EntityChange[]) => void
  /** Called for a record that cannot be decoded; it is passed over by every reader alike. */
  readonly onUndecodable?: (record: LogRecord, cause: unknown) => void
}

/** Reads `config` from its beginning and goes on reading. Resolves once all that was there has been read. */
export async function followConfig(log: LogAppender & LogReader, options: ConfigFollowerOptions = {}): Promise<ConfigFollower> {
  const table = new ConfigTable()
  const positions = new Set<{ readonly position: number; readonly resolve: () => void }>()
  const effects = new Map<string, (tookEffect: boolean) => void>()
  let position = 0

  const take = (record: LogRecord) => {
    const change = decode(record, options)
    if (change === undefined) return
    const changes = evolveConfig(table, change, record.offset)
    if (changes.length > 0) options.onChange?.(changes)
    effects.get(change.changeId)?.(changes.length > 0)
    // A record that the log holds twice has its effect the first time.
    effects.delete(change.changeId)
  }
  const follower = await log.follow("config", 0, (records) => {
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
