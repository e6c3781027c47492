import { ErrorClass } from "@posthorn/proto"

/** Classes of failure as metrics, ClickHouse and people are told of them; empty = no failure. */
export const ERROR_CLASS_WORDS = {
  [ErrorClass.UNSPECIFIED]: "",
  [ErrorClass.STATUS]: "status",
  [ErrorClass.TIMEOUT]: "timeout",
  [ErrorClass.DNS]: "dns",
  [ErrorClass.CONNECT]: "connect",
  [ErrorClass.TLS]: "tls",
  [ErrorClass.REFUSED]: "refused",
  [ErrorClass.PROTOCOL]: "protocol",
  [ErrorClass.INTERNAL]: "internal",
} as const satisfies Readonly<Record<ErrorClass, string>>

export type ErrorClassWord = (typeof ERROR_CLASS_WORDS)[ErrorClass]
