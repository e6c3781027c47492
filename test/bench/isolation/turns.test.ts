import { expect, test } from "vitest"
import { countHealthy, turnsOf } from "./turns.ts"

const GIVEN = [1, 9, 18, 20].flatMap((healthy) =>
  [1, 2, 3].flatMap((others) =>
    (
      [
        [1, 10],
        [1, 2],
        [4, 5],
        [9, 10],
      ] as const
    ).map((share) => ({ healthy, others, share })),
  ),
)

test.each(GIVEN)(
  "the others get exactly their share, never far from it at any time, and each as many as the rest of its kind: %j",
  (given) => {
    const turns = turnsOf(given)
    const [some, all] = given.share
    const counts = Map.groupBy(turns, ({ kind, index }) => `${kind}.${index}`)
    expect(counts.size).toBe(given.healthy + given.others)
    for (const kind of ["healthy", "other"]) {
      const each = [...counts].filter(([name]) => name.startsWith(kind)).map(([, its]) => its.length)
      expect(new Set(each).size).toBe(1)
    }
    let toOthers = 0
    turns.forEach(({ kind }, place) => {
      if (kind === "other") toOthers++
      expect(Math.abs(toOthers - ((place + 1) * some) / all)).toBeLessThanOrEqual(1)
    })
    expect(toOthers).toBe((turns.length * some) / all)
  },
)

test("without others every event is for a healthy endpoint, and events beyond one round are counted as well", () => {
  expect(turnsOf({ healthy: 3, others: 0, share: [0, 1] }).map(({ index }) => index)).toEqual([0, 1, 2])
  const turns = turnsOf({ healthy: 1, others: 1, share: [1, 2] })
  expect([0, 1, 2, 3, 4, 5].map((events) => countHealthy(turns, events))).toEqual([0, 0, 1, 1, 2, 2])
})
