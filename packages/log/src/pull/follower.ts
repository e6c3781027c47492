import type { Follower } from "../event-log.ts"
import { PullTail, type TailOptions } from "./tail.ts"

/** Follows the first partition of a topic; see `LogReader.follow`. */
export class PullFollower implements Follower {
  readonly #tail: PullTail

  constructor(options: Omit<TailOptions, "from"> & { readonly from: number }) {
    this.#tail = new PullTail({ ...options, from: [options.from] })
  }

  get position(): number {
    return this.#tail.positions[0] ?? 0
  }

  /** Hands over what there is; resolves when nothing is left. */
  catchUp(): Promise<void> {
    return this.#tail.catchUp()
  }

  close(): Promise<void> {
    return this.#tail.close()
  }
}
