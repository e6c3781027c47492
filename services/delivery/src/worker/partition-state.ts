import type { Breaker } from "@posthorn/core"
import type { Tries } from "./tries.ts"

/** What the owner of a partition number knows, over all topics of its group: they hold the same subscriptions. */
export interface PartitionState {
  readonly tries: Tries
  /** Of subscriptions that something is known against. */
  readonly breakers: Map<string, Breaker>
}
