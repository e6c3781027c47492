/** How the events of an open loop fall to endpoints. */
export interface Shares {
  readonly healthy: number
  readonly others: number
  /** Events that go to the others, in so many of all. */
  readonly share: readonly [some: number, all: number]
}

/** Which endpoint an event goes to, by its number among those of its kind. */
export interface Turn {
  readonly kind: "healthy" | "other"
  readonly index: number
}

/** One round of turns, to be repeated: the others' share is spread evenly, and every endpoint gets as many as the rest of its kind. */
export function turnsOf({ healthy, others, share: [some, all] }: Shares): readonly Turn[] {
  let [toHealthy, toOther] = [0, 0]
  // As many as it takes for each kind to come out even.
  return Array.from({ length: all * healthy * Math.max(1, others) }, (_, place) =>
    (place * some) % all < some ? { kind: "other", index: toOther++ % others } : { kind: "healthy", index: toHealthy++ % healthy },
  )
}

/** How many of so many events, sent in turn, go to healthy endpoints. */
export function countHealthy(turns: readonly Turn[], events: number): number {
  const upTo = (end: number): number => turns.slice(0, end).filter(({ kind }) => kind === "healthy").length
  return Math.floor(events / turns.length) * upTo(turns.length) + upTo(events % turns.length)
}
