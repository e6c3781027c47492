export interface Goal {
  /** What has to be reached. */
  readonly first: number
  /** What is wanted in the end. On the same side of `first` as better figures are. */
  readonly aim: number
}

/** How a figure stands to its goal. */
export interface Verdict {
  readonly lane: string
  readonly figure: string
  /** Median of the rounds. */
  readonly value: number
  readonly goal: Goal
  readonly met: boolean
}

export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

/** The value below which a share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Throws when a value is no number: nothing was measured then. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0 || !values.every(Number.isFinite)) throw new Error(`not every value is a number: ${values.join(", ")}`)
  return { min: Math.min(...values), median: quantile(values, 0.5), max: Math.max(...values) }
}

export function judge(lane: string, figure: string, { value, goal }: Pick<Verdict, "value" | "goal">): Verdict {
  const more = goal.aim > goal.first
  return { lane, figure, value, goal, met: more ? value >= goal.first : value <= goal.first }
}

export const show = ({ min, median, max }: Spread, digits: number): string =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`

export const showGoal = ({ first, aim }: Goal): string => `goal ${aim > first ? "≥" : "≤"} ${first}, aim ${aim}`

/** A line for every figure that has a goal. */
export function showVerdicts(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ lane, figure, value, goal, met }) => [
    lane,
    figure,
    value.toFixed(3),
    showGoal(goal),
    met ? "met" : "NOT met",
  ])
  const all = [["lane", "figure", "measured", "goal", ""], ...rows]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? []
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")).join("\n")
}
