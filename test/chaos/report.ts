import { ENDPOINTS } from "./endpoints.ts"
import type { Outcome } from "./run-scenario.ts"
import type { Views } from "./views.ts"

/** What is wrong with an outcome; empty when every promise was kept. */
export function problemsOf({ scenario, sent, faults, published, findings, views, unaccounted, problems, badEnd }: Outcome): string[] {
  const { acknowledged, refusedWithoutKey, takenAnew, unexpected } = published
  const bound = scenario.duplicatesPerFault * faults
  const wanted = acknowledged.size * ENDPOINTS.length
  const checks: readonly (readonly [boolean, string])[] = [
    [faults === 0, "no fault was injected"],
    [acknowledged.size + refusedWithoutKey < sent, `${sent - acknowledged.size} never acknowledged`],
    [refusedWithoutKey > 0, `${refusedWithoutKey} without a key not taken at once`],
    [takenAnew > 0, `${takenAnew} were not recognised when they were sent again`],
    [unexpected.length > 0, `unexpected answers: ${unexpected.join("; ")}`],
    [findings.lost.length > 0, `${findings.lost.length} lost, such as ${findings.lost.slice(0, 5).join(" ")}`],
    [findings.duplicates > bound, `${findings.duplicates} duplicates, at most ${bound} may be`],
    [
      findings.early.length > 0,
      `${findings.early.length} early, such as ${findings.early
        .slice(0, 5)
        .map(({ deliveryId, attempt }) => `${deliveryId}/${attempt}`)
        .join(" ")}`,
    ],
    [findings.altered > 0, `${findings.altered} with other bytes`],
    [unaccounted.length > 0, `not accounted for: ${unaccounted.slice(0, 5).join("; ")}`],
    [findings.unasked > 0, `${findings.unasked} deliveries of events that were not acknowledged`],
    ...problems.map((problem) => [true, problem] as const),
    [badEnd !== "", badEnd],
    [views === undefined, "the views could not be read"],
  ]
  const viewed: readonly (readonly [boolean, string])[] =
    views === undefined || scenario.viewsLack
      ? []
      : [
          [views.events !== acknowledged.size, `${views.events} events in Postgres for ${acknowledged.size} acknowledged`],
          [views.delivered !== wanted, `${views.delivered} of ${wanted} delivered in Postgres`],
          [views.unfinished > 0, `${views.unfinished} not terminal`],
          [views.holes > 0, `${views.holes} whose attempts are not 1..n`],
          [views.early > 0, `${views.early} attempts begun before they were due`],
          [views.apart > 0, `${views.apart} attempts in only one of Postgres and ClickHouse`],
        ]
  return [...checks, ...viewed].filter(([wrong]) => wrong).map(([, text]) => text)
}

const seen = ({ scenario, views }: Outcome, figure: keyof Views): number | string => (scenario.viewsLack ? "–" : (views?.[figure] ?? "?"))

const COLUMNS: Readonly<Record<string, (outcome: Outcome) => string | number>> = {
  scenario: ({ scenario }) => scenario.name,
  faults: ({ faults }) => faults,
  kills: ({ kills }) => kills,
  sent: ({ sent }) => sent,
  acknowledged: ({ published }) => published.acknowledged.size,
  delivered: ({ findings }) => findings.delivered,
  lost: ({ findings }) => findings.lost.length,
  duplicates: ({ scenario, faults, findings }) => `${findings.duplicates} (≤ ${scenario.duplicatesPerFault * faults})`,
  early: ({ findings, views }) => Math.max(findings.early.length, views?.early ?? 0),
  "not terminal": (outcome) => seen(outcome, "unfinished"),
  holes: (outcome) => seen(outcome, "holes"),
  "stores apart": (outcome) => seen(outcome, "apart"),
  unaccounted: ({ scenario, unaccounted }) => (scenario.viewsLack ? "–" : unaccounted.length),
  "late p99": ({ views }) => (views ? `${(views.lateP99Ms / 1000).toFixed(1)} s` : "?"),
  took: ({ seconds }) => `${Math.round(seconds)} s`,
  verdict: (outcome) => (problemsOf(outcome).length === 0 ? "kept" : "BROKEN"),
}

/** Processes that were ended with SIGKILL. */
export const killsOf = (outcomes: readonly Outcome[]): number => outcomes.reduce((sum, { kills }) => sum + kills, 0)

/** A table in Markdown, one line a scenario, and what they come to. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const names = Object.keys(COLUMNS)
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`
  return [
    line(names),
    line(names.map(() => "---")),
    ...outcomes.map((outcome) => line(Object.values(COLUMNS).map((cell) => cell(outcome)))),
    "",
    `${outcomes.length} scenarios, ${killsOf(outcomes)} processes killed.`,
  ].join("\n")
}
