import { expect, test } from "vitest"
import { startStandalone } from "./installation.ts"
import { installSchemathesis, runSchemathesis } from "./schemathesis.ts"

/** More of them look deeper: `POSTHORN_TEST_EXAMPLES=200 pnpm test test/e2e/schemathesis.test.ts`. */
const examples = Number(process.env["POSTHORN_TEST_EXAMPLES"] ?? 3)
const MINUTE_MS = 60_000

test(
  "the REST surface does what its description says, whatever is sent to it",
  { timeout: (10 + examples) * MINUTE_MS },
  async ({ skip }) => {
    const python = await installSchemathesis().catch((cause: unknown) => {
      const reason = `schemathesis cannot be installed: ${cause instanceof Error ? cause.message.split("\n", 1)[0] : String(cause)}`
      if (process.env["CI"] === "true") throw new Error(reason, { cause })
      return skip(reason)
    })
    const installation = await startStandalone()
    try {
      const { passed, output } = await runSchemathesis(python, installation, { examples, seed: 1 })
      expect(passed, output.slice(-20_000)).toBe(true)
      expect(output).toMatch(/Tested: \d{2,}/)
    } finally {
      await installation.stop()
    }
  },
)
