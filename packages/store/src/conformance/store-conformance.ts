import { afterAll, beforeAll, describe } from "vitest"
import type { StatusStore } from "../status-store.ts"
import { claimTests } from "./claim-tests.ts"
import { outageTests } from "./outage-tests.ts"
import { projectionTests } from "./projection-tests.ts"
import { readerTests } from "./reader-tests.ts"
import { retentionTests } from "./retention-tests.ts"

/** What an adapter gives to be judged. */
export interface StoreFixture {
  /** A store on a database of its own with nothing in it. */
  openEmpty(): Promise<StoreUnderTest>
  /** Stops what the stores run on; answers how to start it again with the data that it had. */
  interrupt(): Promise<() => Promise<void>>
  close(): Promise<void>
}

export interface StoreUnderTest {
  readonly store: StatusStore
  /** A second client of the same database, as another process would have one. */
  another(): StatusStore
  /** Every row of the tables that people may query, by table, in one order, as text. */
  dump(): Promise<Readonly<Record<string, readonly string[]>>>
  /** Empties every table but keeps the positions, or the other way round. */
  forget(what: "rows" | "positions"): Promise<void>
  close(): Promise<void>
}

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
    claimTests(current)
    retentionTests(current)
    outageTests(current)
  })
}
