import { StoreUnavailable } from "../status-store.ts"

interface Waiting<Item, Answer> {
  readonly item: Item
  resolve(answer: Answer): void
  reject(error: unknown): void
}

/**
 * Turns a function of many items into one of a single item: one call is under way at a time, and what arrives meanwhile goes together in the next.
 * A call that fails fails for its items alone.
 */
export function batched<Item, Answer>(
  run: (items: readonly Item[]) => Promise<readonly Answer[]>,
  { batchMax, waitingMax }: { batchMax: number; waitingMax: number },
): (item: Item) => Promise<Answer> {
  const queue: Waiting<Item, Answer>[] = []
  let running = false

  async function runBatch(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await run(batch.map(({ item }) => item))
      for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as Answer) // `run` answers in order.
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  async function runAll(): Promise<void> {
    running = true
    while (queue.length > 0) await runBatch(queue.splice(0, batchMax))
    running = false
  }

  return (item) =>
    new Promise((resolve, reject) => {
      if (queue.length >= waitingMax) return reject(new StoreUnavailable("too many calls wait for the status store"))
      queue.push({ item, resolve, reject })
      if (!running) void runAll()
    })
}
