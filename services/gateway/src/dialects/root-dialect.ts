import type { BlockList } from "node:net"

/** The dialect that is served at the root besides its own path. */
export interface RootDialect {
  readonly name: string
  /** The one application that the root leads to; `undefined` = the one of the caller's key. */
  readonly applicationId: string | undefined
  /** Where those call from who need no key; `undefined` = nobody does without. Only with an application. */
  readonly keylessFrom: BlockList | undefined
}
