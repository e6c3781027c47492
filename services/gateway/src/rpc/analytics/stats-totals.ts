import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import type { Question } from "@posthorn/analytics"
import { ERROR_CLASS_WORDS } from "@posthorn/core"
import { ErrorClass } from "@posthorn/proto"
import type { RpcContext } from "../rpc-context.ts"
import { attemptStats } from "./stats-metrics.ts"

/** What happened in a span, as messages of the contract have it. */
export async function totalsOf({ analytics, lagRecords }: Pick<RpcContext, "analytics" | "lagRecords">, question: Question) {
  const [{ events, measured, failures }, behind] = await Promise.all([analytics.totals(question), lagRecords()])
  return {
    since: timestampFromMs(question.span.sinceMs),
    until: timestampFromMs(question.span.untilMs),
    events,
    attempts: attemptStats(measured),
    failures: failures.map(({ errorClass, failed }) => ({ errorClass: ERROR_CLASSES.get(errorClass) ?? ErrorClass.UNSPECIFIED, failed })),
    ...(behind === undefined ? {} : { lagRecords: behind }),
  }
}

const ERROR_CLASSES: ReadonlyMap<string, ErrorClass> = new Map(
  Object.entries(ERROR_CLASS_WORDS).map(([value, word]) => [word, Number(value) as ErrorClass]),
)
