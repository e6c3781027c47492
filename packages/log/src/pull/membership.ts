import type { Topic } from "@posthorn/core"

/** A partition taken by a member. */
export interface Claim {
  readonly topic: Topic
  readonly partition: number
  /** Grows with every owner; what an earlier owner commits is refused. */
  readonly epoch: number
  readonly committed: number
}

export interface Commit extends Claim {
  /** The offset to commit instead of `committed`. */
  readonly offset: number
}

export interface Rebalance {
  /** All that the member owns now. What it thought to own and is not here is lost. */
  readonly owned: readonly Claim[]
  /** Partition numbers among them that another member should have: to be drained, then released. */
  readonly surplus: readonly number[]
}

/**
 * One member's view of its group, as kept by an adapter. Every call may reject when the log is away; a repeated call does no harm.
 * Owners change only inside these calls, so a claim is never made twice.
 */
export interface Membership {
  /** Says that the member lives. Answers whether the group has changed since the last `rebalance`. */
  heartbeat(): Promise<boolean>
  /** Joins if not joined, evicts the silent, and takes what is free of the member's fair share. */
  rebalance(): Promise<Rebalance>
  /** Answers, for each commit, whether it was taken; not when the partition has another owner by now. */
  commit(commits: readonly Commit[]): Promise<readonly boolean[]>
  /** Lets others have these partitions. */
  release(claims: readonly Claim[]): Promise<void>
  leave(): Promise<void>
  /** Calls back when a member came or went, or a partition was released. Answers a function that ends it. */
  onChanged(listener: () => void): () => void
}
