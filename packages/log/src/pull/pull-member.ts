import { limits } from "@posthorn/core"
import { LogUnavailable, type GroupMember, type GroupOptions, type OwnedPartition } from "../event-log.ts"
import { PartitionSession } from "../partition-session.ts"
import type { Claim, Commit, Membership } from "./membership.ts"
import type { RecordSource } from "./record-source.ts"
import { SessionReader } from "./session-reader.ts"

export interface PullMemberOptions {
  readonly group: GroupOptions
  readonly membership: Membership
  readonly source: RecordSource
  readonly onLeft: (member: PullMember) => void
  /** Told of what failed in the background, and is tried again. */
  readonly onError: (error: unknown) => void
}

interface Owned {
  readonly claim: Claim
  readonly session: PartitionSession
}

/**
 * A group member of an adapter that is asked for records. It heartbeats, takes and gives up partitions as the group changes,
 * and commits what is finished. A member that cannot reach the log for `SESSION_TIMEOUT_MS` lets go of its partitions, because
 * others have taken them by then, and joins again when the log is back.
 */
export class PullMember implements GroupMember {
  readonly #group: GroupOptions
  readonly #membership: Membership
  readonly #reader: SessionReader
  readonly #onLeft: PullMemberOptions["onLeft"]
  readonly #onError: PullMemberOptions["onError"]
  readonly #owned = new Map<string, Owned>()
  /** Partition numbers that are drained and not yet released. */
  readonly #givingUp = new Set<number>()
  readonly #toRelease = new Set<Claim>()
  readonly #unsubscribe: () => void
  readonly #timers: readonly NodeJS.Timeout[]
  #lastContactMs = Date.now()
  /** The same by a clock that no one sets. */
  #contactAt = performance.now()
  /** The group may have changed since we last looked. */
  #stale = true
  /** Why the last turn failed, if it did. */
  #trouble: unknown
  #turn: Promise<void> | undefined
  #committing: Promise<void> | undefined
  #leaving: Promise<void> | undefined

  private constructor(options: PullMemberOptions) {
    this.#group = options.group
    this.#membership = options.membership
    this.#reader = new SessionReader(options.source, options.onError)
    this.#onLeft = options.onLeft
    this.#onError = options.onError
    this.#unsubscribe = options.membership.onChanged(() => {
      this.#stale = true
      void this.#coordinate()
    })
    this.#timers = [
      setInterval(() => void this.#coordinate(), limits.HEARTBEAT_INTERVAL_MS),
      setInterval(() => void (this.#committing ?? this.#commit()), limits.COMMIT_INTERVAL_MS),
    ]
  }

  /** Rejects when the log cannot be reached for the first time. */
  static async join(options: PullMemberOptions): Promise<PullMember> {
    const member = new PullMember(options)
    await member.#coordinate()
    if (member.#trouble === undefined) return member
    member.#stop()
    throw new LogUnavailable(`cannot join group ${options.group.group}`, "refused", member.#trouble)
  }

  get lastContactMs(): number {
    return this.#lastContactMs
  }

  owned(): readonly OwnedPartition[] {
    return [...this.#owned.values()].map(({ session }) => session)
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  async #leave(): Promise<void> {
    this.#stop()
    await this.#turn
    await Promise.all([...this.#owned.values()].map(({ session }) => session.revoke()))
    await this.#commit()
    this.#endAll()
    // A log that is away finds out by itself that the member is silent.
    await this.#membership.leave().catch(this.#onError)
    this.#onLeft(this)
  }

  #stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#unsubscribe()
    this.#reader.stop()
  }

  /** One turn at a time; what changes during a turn is seen by the next. */
  #coordinate(): Promise<void> {
    if (this.#leaving === undefined) this.#turn ??= Promise.resolve().then(() => this.#takeTurn())
    return this.#turn ?? Promise.resolve()
  }

  async #takeTurn(): Promise<void> {
    if (performance.now() - this.#contactAt > limits.SESSION_TIMEOUT_MS) {
      this.#endAll()
      this.#stale = true
    }
    try {
      if (!this.#stale) this.#stale = await this.#heartbeat()
      while (this.#stale && this.#leaving === undefined) {
        await this.#release()
        await this.#rebalance()
      }
      this.#trouble = undefined
    } catch (error) {
      this.#stale = true
      this.#trouble = error
      this.#onError(error)
    }
    this.#turn = undefined
  }

  async #heartbeat(): Promise<boolean> {
    const sentAt = performance.now()
    const changed = await this.#membership.heartbeat()
    this.#heard(sentAt)
    return changed
  }

  async #rebalance(): Promise<void> {
    const sentAt = performance.now()
    this.#stale = false
    const { owned, surplus } = await this.#membership.rebalance()
    this.#heard(sentAt)
    const epochs = new Map(owned.map((claim) => [keyOf(claim), claim.epoch]))
    for (const [key, { claim }] of this.#owned) if (epochs.get(key) !== claim.epoch) this.#end(key)
    for (const claim of owned) if (!this.#owned.has(keyOf(claim)) && !this.#givingUp.has(claim.partition)) this.#gain(claim)
    const fresh = surplus.filter((partition) => !this.#givingUp.has(partition))
    if (fresh.length > 0) void this.#giveUp(fresh)
  }

  /** Contact counts from when the request left: by the log's clock the member may have been silent since. */
  #heard(sentAt: number): void {
    this.#contactAt = sentAt
    this.#lastContactMs = Date.now()
  }

  #gain(claim: Claim): void {
    const session = new PartitionSession({
      topic: claim.topic,
      partition: claim.partition,
      committed: claim.committed,
      handler: this.#group.handler,
      window: this.#group.window?.(claim.topic),
      onRoom: (each) => this.#reader.read(each),
      onMoved: (each) => this.#reader.read(each),
      onFailed: (error) => this.#fail(error),
    })
    this.#owned.set(keyOf(claim), { claim, session })
    this.#reader.add(session)
    void session.open()
  }

  /** Drains partitions that another member should have, all topics of a number together; the next turn releases them. */
  async #giveUp(partitions: readonly number[]): Promise<void> {
    for (const partition of partitions) this.#givingUp.add(partition)
    const owned = [...this.#owned.values()].filter(({ claim }) => partitions.includes(claim.partition))
    await Promise.all(owned.map(({ session }) => session.revoke()))
    await this.#commit()
    for (const { claim, session } of owned) {
      if (this.#owned.get(keyOf(claim))?.session === session) this.#end(keyOf(claim))
      this.#toRelease.add(claim)
    }
    this.#stale = true
    void this.#coordinate()
  }

  async #release(): Promise<void> {
    const claims = [...this.#toRelease]
    if (claims.length === 0) return
    await this.#membership.release(claims)
    for (const claim of claims) {
      this.#toRelease.delete(claim)
      this.#givingUp.delete(claim.partition)
    }
  }

  /** One commit at a time, so that an older offset never lands after a newer one. */
  #commit(): Promise<void> {
    const turn = (this.#committing ?? Promise.resolve()).then(() => this.#commitOnce())
    this.#committing = turn
    return turn.then(() => {
      if (this.#committing === turn) this.#committing = undefined
    })
  }

  async #commitOnce(): Promise<void> {
    const owned = [...this.#owned.values()]
    const due = owned.flatMap(({ claim, session }) => {
      const offset = session.toCommit()
      return offset === undefined ? [] : [{ claim, session, offset }]
    })
    if (due.length === 0) return
    try {
      const taken = await this.#membership.commit(due.map(({ claim, offset }): Commit => ({ ...claim, offset })))
      due.forEach(({ claim, session, offset }, index) => {
        if (taken[index] === true) session.committed(offset)
        else if (this.#owned.get(keyOf(claim))?.session === session) this.#end(keyOf(claim))
      })
      if (taken.includes(false)) this.#stale = true
    } catch (error) {
      // Tried again at the next interval; until then the records count as unfinished for the next owner.
      this.#onError(error)
    }
  }

  #end(key: string): void {
    const owned = this.#owned.get(key)
    if (owned === undefined) return
    this.#owned.delete(key)
    this.#reader.remove(owned.session)
    owned.session.end()
  }

  #endAll(): void {
    for (const key of this.#owned.keys()) this.#end(key)
  }

  #fail(error: Error): void {
    if (this.#leaving !== undefined) return
    this.#endAll()
    void this.leave()
    this.#group.handler.failed(error)
  }
}

function keyOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`
}
