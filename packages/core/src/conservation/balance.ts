/** What is counted of the events of an application that were accepted in one hour. */
export interface HourCounts {
  readonly accepted: number
  /** No subscription takes them. */
  readonly unmatched: number
  /** The router has yet to come to them. */
  readonly unrouted: number
  /** The router has passed them, and deliveries of them are missing. */
  readonly missing: number
  /** Of the others, those with a delivery that waits for an attempt. */
  readonly waiting: number
  /** Of those, the ones with a delivery that nothing will carry on. */
  readonly lost: number
}

/** Where accepted events are. Every one is in exactly one place, so that the places come to what was accepted. */
export interface Balance {
  readonly accepted: number
  /** Every delivery has ended. */
  readonly finished: number
  readonly onTheirWay: number
  readonly unmatched: number
  readonly notRoutedYet: number
  readonly missing: number
}

export function balanceOf({ accepted, unmatched, unrouted, missing, waiting, lost }: HourCounts): Balance {
  const finished = accepted - unmatched - unrouted - missing - waiting
  // What has ended since it was counted is on its way no more, and was never lost.
  const gone = Math.min(lost, waiting)
  return { accepted, finished, onTheirWay: waiting - gone, unmatched, notRoutedYet: unrouted, missing: missing + gone }
}
