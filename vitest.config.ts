import { defineConfig } from "vitest/config"

// Deadlines are for machines under load: only a test that hangs ever waits for them.
const SECOND_MS = 1000

/** These start databases or whole services, and wait more than they work. */
const heavy = { testTimeout: 120 * SECOND_MS, hookTimeout: 120 * SECOND_MS, maxWorkers: 2 }
const WITH_KAFKA = "test/{integration,e2e}/**/*kafka*.test.ts"

export default defineConfig({
  test: {
    maxWorkers: 2,
    teardownTimeout: 30 * SECOND_MS,
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "packages/*/src/**/*.test.ts",
            "services/*/src/**/*.test.ts",
            "deploy/**/*.test.ts",
            "test/{bench,chaos,regressions,simulation,tidy,vectors}/**/*.test.ts",
          ],
          testTimeout: 30 * SECOND_MS,
          hookTimeout: 120 * SECOND_MS,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...heavy,
          name: "integration",
          include: ["test/{integration,e2e,conformance}/**/*.test.ts"],
          exclude: ["**/node_modules/**", WITH_KAFKA],
          sequence: { groupOrder: 2 },
        },
      },
      {
        // One file at a time: they stop brokers that all of them use.
        test: {
          ...heavy,
          name: "kafka",
          include: [WITH_KAFKA],
          maxWorkers: 1,
          fileParallelism: false,
          globalSetup: ["test/kafka-for-the-run.ts"],
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
})
