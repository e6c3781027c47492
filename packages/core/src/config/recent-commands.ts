import * as limits from "../limits.ts"

/** A request with an idempotency key that took effect. */
export interface CommandDone {
  /** See `Command`. */
  readonly name: string
  readonly content: string
  /** What it changed. */
  readonly entityId: string
  /** Of its change in `config`. */
  readonly offset: number
  /** Unix milliseconds, by the clock of the gateway that carried it out. */
  readonly atMs: number
}

/** Requests with idempotency keys that took effect, the newest `COMMANDS_MAX`. */
export class RecentCommands {
  /** In order of offset. */
  readonly #done = new Map<string, CommandDone>()

  /** What a repeated request has come to; `undefined` = there was none like it within `IDEMPOTENCY_WINDOW_MS`. */
  find(name: string, nowMs: number): CommandDone | undefined {
    const done = this.#done.get(name)
    return done === undefined || done.atMs <= nowMs - limits.IDEMPOTENCY_WINDOW_MS ? undefined : done
  }

  /**
   * Whether a change that carries a command out at this offset repeats one just before it. Looks back `COMMAND_RECORDS` records: a change that is
   * appended twice, or at two gateways at the same time, is never further from the first, and every reader knows as much.
   */
  repeats(name: string, offset: number): boolean {
    const done = this.#done.get(name)
    return done !== undefined && done.offset < offset && offset - done.offset <= limits.COMMAND_RECORDS
  }

  note(done: CommandDone): void {
    this.#done.delete(done.name)
    this.#done.set(done.name, done)
    const [oldest] = this.#done.keys()
    if (this.#done.size > limits.COMMANDS_MAX && oldest !== undefined) this.#done.delete(oldest)
  }

  [Symbol.iterator](): Iterator<CommandDone> {
    return this.#done.values()
  }
}
