/** `pnpm check [--fix]`: everything that can be said of the code without running it, and the repository's tests of itself. */
import { breakingChanges } from "./check/breaking-changes.ts"
import { type Check, command } from "./check/command.ts"
import { generatedCode } from "./check/generated-code.ts"
import { importLaw } from "./check/import-law.ts"

const fix = process.argv.includes("--fix")

const checks: readonly Check[] = [
  command("format", ["oxfmt", fix ? "--write" : "--check"]),
  command("format of proto", ["buf", "format", "--path", "proto/posthorn", ...(fix ? ["--write"] : ["--diff", "--exit-code"])]),
  command("lint", ["oxlint", "--type-aware", "--deny-warnings", ...(fix ? ["--fix"] : [])]),
  command("lint of proto", ["buf", "lint"]),
  command("types", ["tsc", "-p", "tsconfig.json", "--noEmit"]),
  command("types of the pure core", ["tsc", "-p", "packages/core/tsconfig.json", "--noEmit"]),
  importLaw,
  command("dead code", ["knip", "--no-progress", "--no-config-hints"]),
  generatedCode,
  breakingChanges,
  command("tidy", ["vitest", "run", "test/tidy", "--reporter=dot"]),
]

// Fixing rewrites what the others read, so it comes first; otherwise nothing depends on anything.
const formats = fix ? 3 : 0
const results = []
for (const check of checks.slice(0, formats)) results.push(await run(check))
results.push(...(await Promise.all(checks.slice(formats).map(run))))

for (const { name, outcome } of results) {
  if (outcome.kind === "failed") process.stdout.write(`\n──── ${name}\n${outcome.output.trim()}\n`)
}
process.stdout.write("\n")
for (const { name, outcome, seconds } of results) {
  const note = outcome.kind === "skipped" ? `  !!! ${outcome.reason}` : ""
  process.stdout.write(`${outcome.kind.padEnd(7)} ${name.padEnd(24)} ${seconds.toFixed(1).padStart(5)} s${note}\n`)
}
process.exitCode = results.some(({ outcome }) => outcome.kind === "failed") ? 1 : 0

async function run(check: Check) {
  const begin = performance.now()
  const outcome = await check.run()
  return { name: check.name, outcome, seconds: (performance.now() - begin) / 1000 }
}
