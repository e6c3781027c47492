import kafkajs, { type PartitionAssigner } from "kafkajs"
import { fairShare } from "../pull/fair-share.ts"

const NAME = "posthorn-sticky"
const VERSION = 1
const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol

/**
 * How members of a group divide its topics: a member that owns a partition number owns it in every topic, because one key has one
 * number everywhere and its records need one owner; and it keeps what it owns as far as fairness allows.
 *
 * @param owned partition numbers that this member owns now
 */
export function partitionAssigner(owned: () => readonly number[]): PartitionAssigner {
  return ({ cluster }) => ({
    name: NAME,
    version: VERSION,
    protocol: ({ topics }) => ({
      name: NAME,
      metadata: MemberMetadata.encode({ version: VERSION, topics, userData: Buffer.from(JSON.stringify(owned())) }),
    }),
    assign: async ({ members, topics }) => {
      const counts = topics.map((topic) => ({ topic, count: cluster.findTopicPartitionMetadata(topic).length }))
      const owners = new Array<string | undefined>(Math.max(...counts.map(({ count }) => count))).fill(undefined)
      for (const { memberId, memberMetadata } of members) {
        // Two may claim the same when one of them was away; either may have it.
        for (const partition of claimed(memberMetadata)) if (partition in owners) owners[partition] = memberId
      }
      const shares = fairShare(
        members.map(({ memberId }) => memberId),
        owners,
      )
      return members.map(({ memberId }) => {
        const own = shares.flatMap((owner, partition) => (owner === memberId ? [partition] : []))
        const assignment = Object.fromEntries(counts.map(({ topic, count }) => [topic, own.filter((partition) => partition < count)]))
        return { memberId, memberAssignment: MemberAssignment.encode({ version: VERSION, assignment, userData: Buffer.alloc(0) }) }
      })
    },
  })
}

/** A claim only saves moves, so one that cannot be read counts as none. */
function claimed(metadata: Buffer): readonly number[] {
  try {
    const owned: unknown = JSON.parse(String(MemberMetadata.decode(metadata)?.userData))
    return Array.isArray(owned) ? owned.filter((each) => Number.isInteger(each)) : []
  } catch {
    return []
  }
}
