/** `pnpm test [arguments of vitest]`: runs all that can run on this machine, and ends by saying what could not, and why. */
import { parseCLI, startVitest, type TestCase, type TestModule } from "vitest/node"

const { filter, options } = parseCLI(["vitest", "run", ...process.argv.slice(2)])
const ended: { modules: readonly TestModule[]; strayErrors: number } = { modules: [], strayErrors: 0 }

const vitest = await startVitest(filter, {
  ...options,
  watch: false,
  reporters: [
    ...[options.reporters ?? "default"].flat(),
    {
      onTestRunEnd: (modules, errors) => {
        ended.modules = modules
        ended.strayErrors = errors.length
      },
    },
  ],
})
await vitest.close()

const cases = ended.modules.flatMap((module) => [...module.children.allTests()])
const count = (state: "passed" | "failed" | "skipped"): number => cases.filter((test) => test.result().state === state).length
// A file that cannot be loaded, an error outside of any test, and a set-up that fails (vitest then leaves an exit code) have no test case.
const brokenFiles = ended.modules.filter((module) => module.errors().length > 0).length
const failed = Math.max(count("failed") + brokenFiles + ended.strayErrors, process.exitCode === undefined ? 0 : 1)

if (options.testNamePattern === undefined) process.stdout.write(skippedText(cases))
process.stdout.write(`${count("passed")} passed, ${failed} failed, ${count("skipped")} skipped\n`)
// A run in which nothing passed proves nothing, whatever the reason.
process.exit(failed > 0 || count("passed") === 0 ? 1 : 0)

/** Every skipped test under its reason: the note of `context.skip(note)`, or what its name says. */
function skippedText(tests: readonly TestCase[]): string {
  const skipped = tests.filter((test) => test.result().state === "skipped")
  if (skipped.length === 0) return ""
  const byReason = Object.groupBy(skipped, (test) => noteOf(test) ?? `in ${test.module.relativeModuleId}, without a note`)
  const groups = Object.entries(byReason).map(([reason, group = []]) => {
    const names = group.map((test) => `      ${test.fullName}\n`)
    return `  ${group.length} × ${reason}\n${names.slice(0, 10).join("")}${names.length > 10 ? `      … and ${names.length - 10} more\n` : ""}`
  })
  return `\n!!! NOT RUN on this machine: ${skipped.length} of ${tests.length} tests\n${groups.join("")}\n`
}

function noteOf(test: TestCase): string | undefined {
  const result = test.result()
  return result.state === "skipped" ? result.note : undefined
}
