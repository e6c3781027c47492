/**
 * Who should own each partition number, given who owns it now: shares differ by at most one, and as little as possible moves.
 * Every member that looks at the same state comes to the same answer.
 * @param owners the owner of each partition number, `undefined` when it is free or its owner is gone
 */
export function fairShare(members: readonly string[], owners: readonly (string | undefined)[]): readonly (string | undefined)[] {
  const held = new Map(members.map((member) => [member, 0]))
  for (const owner of owners) {
    const count = owner === undefined ? undefined : held.get(owner)
    if (owner !== undefined && count !== undefined) held.set(owner, count + 1)
  }
  // Those that hold most get the shares that are larger by one: fewer partitions move.
  const ranked = [...held].toSorted(([nameA, heldA], [nameB, heldB]) => heldB - heldA || (nameA < nameB ? -1 : 1))
  const quota = new Map(
    ranked.map(([member], rank) => [member, Math.floor(owners.length / members.length) + (rank < owners.length % members.length ? 1 : 0)]),
  )
  const take = (member: string | undefined): string | undefined => {
    const left = member === undefined ? 0 : (quota.get(member) ?? 0)
    if (member === undefined || left === 0) return undefined
    quota.set(member, left - 1)
    return member
  }
  const kept = owners.map(take)
  return kept.map((owner) => owner ?? take(ranked.find(([member]) => (quota.get(member) ?? 0) > 0)?.[0]))
}
