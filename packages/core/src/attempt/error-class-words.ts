import { ErrorClass } from "@posthorn/proto"

export type ErrorClassWord = "" | "status" | "timeout" | "dns" | "connect" | "tls" | "refused" | "protocol" | "internal"

/** Classes of failure as metrics, ClickHouse and people are told of them; empty = no failure. */
export const ERROR_CLASS_WORDS: Readonly<Record<ErrorClass, ErrorClassWord>> = {
  [ErrorClass.UNSPECIFIED]: "",
  [ErrorClass.STATUS]: "status",
  [ErrorClass.TIMEOUT]: "timeout",
  [ErrorClass.DNS]: "dns",
  [ErrorClass.CONNECT]: "connect",
  [ErrorClass.TLS]: "tls",
  [ErrorClass.REFUSED]: "refused",
  [ErrorClass.PROTOCOL]: "protocol",
  [ErrorClass.INTERNAL]: "internal",
}
