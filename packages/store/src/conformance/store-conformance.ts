import { afterAll, beforeAll, describe } from "vitest"
import { auditTests } from "./audit-tests.ts"
import { claimTests } from "./claim-tests.ts"
import { conservationTests } from "./conservation-tests.ts"
import { controlTests } from "./control-tests.ts"
import { countTests } from "./count-tests.ts"
import { exclusionTests } from "./exclusion-tests.ts"
import { filterTests } from "./filter-tests.ts"
import { keyUseTests } from "./key-use-tests.ts"
import { outageTests } from "./outage-tests.ts"
import { projectionTests } from "./projection-tests.ts"
import { readerTests } from "./reader-tests.ts"
import { replayTests } from "./replay-tests.ts"
import { retentionTests } from "./retention-tests.ts"
import type { StoreFixture } from "./store-fixture.ts"
import { storyTests } from "./story-tests.ts"

export type { StoreFixture, StoreUnderTest } from "./store-fixture.ts"

/** Everything that a status store promises. */
export function storeConformance(name: string, open: () => Promise<StoreFixture>): void {
  describe(`status store: ${name}`, () => {
    let fixture: StoreFixture | undefined
    beforeAll(async () => {
      fixture = await open()
    }, 60_000)
    afterAll(() => fixture?.close(), 60_000)
    const current = (): StoreFixture => {
      if (fixture === undefined) throw new Error("the fixture did not open")
      return fixture
    }
    projectionTests(current)
    readerTests(current)
    filterTests(current)
    storyTests(current)
    controlTests(current)
    auditTests(current)
    keyUseTests(current)
    conservationTests(current)
    countTests(current)
    claimTests(current)
    exclusionTests(current)
    replayTests(current)
    retentionTests(current)
    outageTests(current)
  })
}
