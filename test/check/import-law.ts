import { type Check, execute } from "./command.ts"

/** Fewer modules mean that the tool cannot read TypeScript here, and then it finds nothing wrong either. */
const MODULES_MIN = 30

/** Who may import whom: the rules of `.dependency-cruiser.cjs`, from the table in `layers.cjs`. */
export const importLaw: Check = {
  name: "import law",
  run: async () => {
    const { exitCode, output } = await execute(["depcruise", "packages", "services", "deploy", "test", "vitest.config.ts"])
    const modules = Number(/(\d+) modules, \d+ dependencies cruised/.exec(output)?.[1] ?? 0)
    if (exitCode !== 0) return { kind: "failed", output }
    return modules < MODULES_MIN ? { kind: "failed", output: `only ${modules} modules were seen\n${output}` } : { kind: "ok" }
  },
}
