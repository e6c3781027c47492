import { describe, onTestFinished } from "vitest"
import { appendingConformance } from "./appending.ts"
import { testTimeoutMs, type LogFixture } from "./fixture.ts"
import { groupsConformance } from "./groups.ts"
import { readingConformance } from "./reading.ts"

export type { LogFixture } from "./fixture.ts"

/** What every adapter of the log must do. `open` gives each test a log of its own, which is closed after it. */
export function logConformance(name: string, open: () => Promise<LogFixture>): void {
  const openForTest = async () => {
    const fixture = await open()
    onTestFinished(() => fixture.close(), testTimeoutMs)
    return fixture
  }
  describe(`${name} as a log`, () => {
    describe("appending", () => appendingConformance(openForTest))
    describe("reading", () => readingConformance(openForTest))
    describe("groups", () => groupsConformance(openForTest))
  })
}
