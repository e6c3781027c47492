import type { TableComparison } from "@posthorn/store"

/** Comparisons for people: a line for each table, and one for each row that is told apart. */
export function showTables(tables: readonly TableComparison[]): readonly string[] {
  const rows = tables.map(({ table, live, fromLog, missing, extra, different }) => [
    table,
    `${live}`,
    `${fromLog}`,
    missing + extra + different === 0 ? "equal" : `${missing} missing, ${extra} extra, ${different} different`,
  ])
  const all = [["table", "live", "from the log", ""], ...rows]
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  )
  const differences = tables.flatMap(({ table, differences: found }) =>
    found.map(({ id, kind, columns }) => `${table}: ${id} is ${kind}${columns.length === 0 ? "" : ` in ${columns.join(", ")}`}`),
  )
  return [...lines, ...differences]
}
