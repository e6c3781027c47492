/** Does something over and over, and knows how long the longest time took. */
export function repeat(work: () => Promise<unknown>) {
  let [times, longestMs, over] = [0, 0, false]
  const running = (async () => {
    while (!over) {
      const began = performance.now()
      await work()
      longestMs = Math.max(longestMs, performance.now() - began)
      times++
    }
  })()
  return {
    get times(): number {
      return times
    },
    /** Since this was asked last, milliseconds. */
    longestMs(): number {
      const longest = longestMs
      longestMs = 0
      return longest
    },
    async stop(): Promise<void> {
      over = true
      await running
    },
  }
}
