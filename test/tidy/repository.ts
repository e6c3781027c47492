import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

const ROOT = join(import.meta.dirname, "../..")
const ELSEWHERE = new Set(["node_modules", ".git", "build", ".posthorn", ".cache", "coverage"])

/** Files of the repository that match a pattern, by their path from the root, sorted. What is installed, built or run into being is left out. */
export function filesOf(...patterns: readonly string[]): readonly string[] {
  // `exclude` is asked about folders too, so nothing below them is read.
  return globSync(patterns, { cwd: ROOT, exclude: (entry) => ELSEWHERE.has(entry.name), withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
    .toSorted()
}

export const read = (file: string): string => readFileSync(join(ROOT, file), "utf8")

export const pathOf = (file: string): string => join(ROOT, file)

/** Code that people wrote. */
export const sources = (): readonly string[] =>
  filesOf("{packages,services,test,deploy}/**/*.ts", "*.ts").filter((file) => !file.startsWith("packages/proto/src/gen/"))

/** The first cell of every row of the tables of a document, without its code marks. */
export function firstCells(markdown: string): readonly string[] {
  const rows = markdown.split("\n").filter((line) => line.startsWith("| `"))
  return rows.map((row) => /^\| `([^`]+)`/.exec(row)?.[1] ?? "")
}
