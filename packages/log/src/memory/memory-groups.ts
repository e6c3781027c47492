import type { Topic } from "@posthorn/core"
import { fairShare } from "../pull/fair-share.ts"
import type { Claim, Commit, Membership, Rebalance } from "../pull/membership.ts"
import { LogUnavailable } from "../event-log.ts"

interface Row {
  readonly topic: Topic
  readonly partition: number
  committed: number | undefined
  owner: string | undefined
  epoch: number
}

interface Group {
  readonly rows: Map<string, Row>
  readonly members: Map<string, readonly Topic[]>
  readonly listeners: Set<() => void>
}

/** Who owns what, for all members in this process. */
export class MemoryGroups {
  readonly #groups = new Map<string, Group>()
  readonly #low: (topic: Topic, partition: number) => number
  readonly #partitions: (topic: Topic) => number
  #members = 0

  constructor(partitions: (topic: Topic) => number, low: (topic: Topic, partition: number) => number) {
    this.#partitions = partitions
    this.#low = low
  }

  committed(group: string, topic: Topic, partition: number): number {
    const low = this.#low(topic, partition)
    return Math.max(low, this.#groups.get(group)?.rows.get(`${topic}/${partition}`)?.committed ?? low)
  }

  /** @param reachable while it answers false, every call rejects, as for a process that is cut off */
  membership(name: string, topics: readonly Topic[], reachable: () => boolean): Membership & { readonly evict: () => void } {
    const group = this.#group(name, topics)
    const member = `member-${++this.#members}`
    const ifReachable = async <Answer>(answer: () => Answer): Promise<Answer> => {
      if (!reachable()) throw new LogUnavailable("cut off", "refused")
      return answer()
    }
    return {
      heartbeat: () => ifReachable(() => !group.members.has(member)),
      rebalance: () => ifReachable(() => this.#rebalance(name, group, { member, topics })),
      commit: (commits) => ifReachable(() => commits.map((commit) => commitOne(group, member, commit))),
      release: (claims) => ifReachable(() => release(group, member, claims)),
      leave: () => ifReachable(() => evict(group, member)),
      evict: () => evict(group, member),
      onChanged: (listener) => {
        group.listeners.add(listener)
        return () => group.listeners.delete(listener)
      },
    }
  }

  #group(name: string, topics: readonly Topic[]): Group {
    const group = this.#groups.get(name) ?? { rows: new Map(), members: new Map(), listeners: new Set() }
    this.#groups.set(name, group)
    for (const topic of topics) {
      for (let partition = 0; partition < this.#partitions(topic); partition++) {
        const key = `${topic}/${partition}`
        if (!group.rows.has(key)) group.rows.set(key, { topic, partition, committed: undefined, owner: undefined, epoch: 0 })
      }
    }
    return group
  }

  #rebalance(name: string, group: Group, { member, topics }: { member: string; topics: readonly Topic[] }): Rebalance {
    if (!group.members.has(member)) {
      group.members.set(member, topics)
      changed(group)
    }
    const rows = [...group.rows.values()]
    const owners: (string | undefined)[] = []
    for (const { partition, owner } of rows) owners[partition] = owners[partition] ?? owner
    const target = fairShare([...group.members.keys()], owners)
    for (const row of rows) {
      if (target[row.partition] !== member || owners[row.partition] !== undefined || !topics.includes(row.topic)) continue
      row.owner = member
      row.epoch++
    }
    const own = rows.filter((row) => row.owner === member)
    return {
      owned: own.map(({ topic, partition, epoch }): Claim => ({
        topic,
        partition,
        epoch,
        committed: this.committed(name, topic, partition),
      })),
      surplus: [...new Set(own.map((row) => row.partition))].filter((partition) => target[partition] !== member),
    }
  }
}

function rowOf(group: Group, member: string, claim: Claim): Row | undefined {
  const row = group.rows.get(`${claim.topic}/${claim.partition}`)
  return row?.owner === member && row.epoch === claim.epoch ? row : undefined
}

function commitOne(group: Group, member: string, commit: Commit): boolean {
  const row = rowOf(group, member, commit)
  if (row !== undefined) row.committed = commit.offset
  return row !== undefined
}

function release(group: Group, member: string, claims: readonly Claim[]): void {
  for (const claim of claims) {
    const row = rowOf(group, member, claim)
    if (row !== undefined) row.owner = undefined
  }
  changed(group)
}

function evict(group: Group, member: string): void {
  if (!group.members.delete(member)) return
  for (const row of group.rows.values()) if (row.owner === member) row.owner = undefined
  changed(group)
}

function changed(group: Group): void {
  for (const listener of group.listeners) listener()
}
