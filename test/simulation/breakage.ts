import type { EventLog, GroupHandler } from "@posthorn/log"

/** Ways to break the engine on purpose, to see that the simulation finds it. */
export const BREAKAGES = ["finishes early", "forgets the tail", "loses appends", "skips the wait", "drops poison"] as const
export type Breakage = (typeof BREAKAGES)[number]

/** The log as a broken engine would use it. */
export function broken(log: EventLog, breakage: Breakage | undefined): EventLog {
  switch (breakage) {
    case undefined:
      return log
    case "finishes early":
      return withHandler(log, (handler) => ({
        ...handler,
        records(partition, records) {
          for (const { offset } of records) partition.finish(offset)
          handler.records(partition, records)
        },
      }))
    case "forgets the tail":
      return {
        ...log,
        read: async (ranges, onRecords) =>
          log.read(
            ranges.filter(({ topic }) => topic !== "attempts"),
            onRecords,
          ),
      }
    case "loses appends":
      // Takes an append in doubt for a good one.
      return { ...log, append: (records) => log.append(records).catch(() => []) }
    case "skips the wait":
      return {
        ...log,
        append: (records) => log.append(records.map((each) => (each.topic.startsWith("retry.") ? { ...each, topic: "deliveries" } : each))),
      }
    case "drops poison":
      return withHandler(log, (handler) => ({
        ...handler,
        records(partition, records) {
          for (const { offset, value } of records) if (value.length === 0) partition.finish(offset)
          handler.records(
            partition,
            records.filter(({ value }) => value.length > 0),
          )
        },
      }))
  }
}

const withHandler = (log: EventLog, wrap: (handler: GroupHandler) => GroupHandler): EventLog => ({
  ...log,
  join: (options) => log.join({ ...options, handler: wrap(options.handler) }),
})
