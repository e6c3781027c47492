import { membershipConformance } from "../conformance/membership-conformance.ts"
import { MemoryGroups } from "./memory-groups.ts"

membershipConformance("memory", async () => {
  const groups = new MemoryGroups(
    () => 4,
    () => 0,
  )
  const evict = new Map<unknown, () => void>()
  return {
    join: () => {
      const member = groups.membership("workers", ["deliveries"], () => true)
      evict.set(member, member.evict)
      return member
    },
    silence: async (member) => evict.get(member)?.(),
  }
})
