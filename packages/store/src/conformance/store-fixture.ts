import type { StatusStore } from "../status-store.ts"

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
