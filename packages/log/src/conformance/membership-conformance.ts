import { expect, test } from "vitest"
import type { Claim, Membership } from "../pull/membership.ts"

export interface MembershipFixture {
  /** A further member of one group on `deliveries`, with four partitions that hold ten records each. */
  join(): Membership
  /** Makes the group take a member for dead that does not know it yet. */
  silence(member: Membership): Promise<void>
}

/** What the group book of every adapter must do that hands out partitions itself. */
export function membershipConformance(name: string, open: () => Promise<MembershipFixture>): void {
  test(`${name}: what a member commits or releases after others took it for dead is refused`, async () => {
    const fixture = await open()
    const [zombie, heir] = [fixture.join(), fixture.join()]
    const before = await zombie.rebalance()
    expect(before.owned.map(({ partition }) => partition)).toEqual([0, 1, 2, 3])
    expect(await zombie.commit(commits(before.owned, 3))).toEqual([true, true, true, true])
    await fixture.silence(zombie)
    const after = await heir.rebalance()
    expect(after.owned.map(({ partition, committed }) => ({ partition, committed }))).toEqual(
      [0, 1, 2, 3].map((partition) => ({ partition, committed: 3 })),
    )
    expect(await zombie.commit(commits(before.owned, 9))).toEqual([false, false, false, false])
    await zombie.release(before.owned)
    expect(await heir.commit(commits(after.owned, 5))).toEqual([true, true, true, true])
    expect(await zombie.heartbeat()).toBe(true)
    // The zombie comes back to life as a new member: it gets nothing before the heir has released it.
    expect((await zombie.rebalance()).owned).toEqual([])
    const { surplus } = await heir.rebalance()
    expect(surplus).toHaveLength(2)
    await heir.release(after.owned.filter(({ partition }) => surplus.includes(partition)))
    const regained = (await zombie.rebalance()).owned
    expect(regained.map(({ partition, committed }) => ({ partition, committed }))).toEqual(
      surplus.map((partition) => ({ partition, committed: 5 })),
    )
    // What it owned before it died is another hold than what it owns now.
    expect(await zombie.commit(commits(before.owned, 9))).toEqual([false, false, false, false])
    expect(await zombie.commit(commits(regained, 9))).toEqual([true, true])
  })

  test(`${name}: leaving frees everything at once, and a member alone gets all`, async () => {
    const fixture = await open()
    const [first, second] = [fixture.join(), fixture.join()]
    await first.rebalance()
    let told = 0
    const unsubscribe = second.onChanged(() => told++)
    await first.leave()
    expect(told).toBeGreaterThan(0)
    unsubscribe()
    expect((await second.rebalance()).owned).toHaveLength(4)
    expect(await second.heartbeat()).toBe(false)
  })
}

function commits(claims: readonly Claim[], offset: number) {
  return claims.map((claim) => ({ ...claim, offset }))
}
