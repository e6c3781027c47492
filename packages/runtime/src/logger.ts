import pino from "pino"
import { describeError } from "./describe-error.ts"

export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Fields of one line. `error` is written as one line of names, codes and messages. */
export type LogFields<Field extends string> = { readonly [Key in Field]?: string | number | boolean | undefined } & {
  readonly error?: unknown
}

/** Writes lines of JSON: time, level, service, message, and fields that the service has named. */
export type Logger<Field extends string> = {
  readonly [Level in "error" | "warn" | "info" | "debug"]: (message: string, fields?: LogFields<Field>) => void
}

export interface LoggerOptions<Field extends string> {
  readonly service: string
  readonly level: LogLevel
  /** The only fields that are ever written. Whatever else reaches a call is dropped, and so is every value that is not a text, a number or a boolean. */
  readonly fields: readonly Field[]
  /** Where lines go; default: the standard output. */
  readonly destination?: { write(line: string): void }
}

/** Bytes of one field: a line stays a line. */
const TEXT_LENGTH_MAX = 1000
/** Bytes waiting for a reader of the standard output that does not read; what comes after is dropped. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024

/** A logger that can write nothing but what is on its list. Not guaranteed: the last lines before a SIGKILL. */
export function createLogger<const Field extends string>(options: LoggerOptions<Field>): Logger<Field> {
  const { service, level, fields, destination } = options
  const target = destination ?? pino.destination({ fd: 1, sync: false, maxLength: WAITING_BYTES_MAX })
  const sink = pino(
    {
      level,
      base: { service },
      messageKey: "message",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    target,
  )
  const line =
    (at: keyof Logger<Field>) =>
    (message: string, given: LogFields<Field> = {}) => {
      if (sink.isLevelEnabled(at)) sink[at](allowed(fields, given), message)
    }
  return { error: line("error"), warn: line("warn"), info: line("info"), debug: line("debug") }
}

function allowed<Field extends string>(fields: readonly Field[], given: LogFields<Field>): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  for (const field of fields) {
    const value: unknown = given[field]
    if (typeof value === "string") kept[field] = value.slice(0, TEXT_LENGTH_MAX)
    else if (typeof value === "number" || typeof value === "boolean") kept[field] = value
  }
  if (given.error !== undefined) kept["error"] = describeError(given.error)
  return kept
}
