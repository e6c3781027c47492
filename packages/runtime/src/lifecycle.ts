/** Something to start and, in the end, to stop. */
export interface Part<T> {
  /** For messages. */
  readonly name: string
  /** The signal is aborted when the process is to stop: a long start may give up. */
  start(signal: AbortSignal): T | Promise<T>
  /** Releases what `start` answered. Called once, and only if `start` succeeded. */
  stop(started: T): void | Promise<void>
}

/** Why a process ends. */
export type Ending = { readonly kind: "stopped" } | { readonly kind: "failed"; readonly error: unknown }

/** A part that did not stop as it should. */
export interface StopProblem {
  readonly part: string
  readonly error: unknown
}

/** The parts of a process: started in the order of the calls, stopped in reverse. */
export class Lifecycle {
  readonly #running: { readonly name: string; readonly stop: () => void | Promise<void> }[] = []
  readonly #stopping = new AbortController()
  readonly #ended = Promise.withResolvers<Ending>()

  /** Aborted when the process is to stop, for whatever reason. */
  get signal(): AbortSignal {
    return this.#stopping.signal
  }

  /** Resolves when the process is to stop. What was started is still running then. */
  get ended(): Promise<Ending> {
    return this.#ended.promise
  }

  /** Starts a part and remembers how to stop it. Rejects as the part does, and when the process is to stop. */
  async start<T>(part: Part<T>): Promise<T> {
    this.signal.throwIfAborted()
    const started = await part.start(this.signal)
    this.#running.push({ name: part.name, stop: () => part.stop(started) })
    this.signal.throwIfAborted()
    return started
  }

  /** Asks for an orderly end. Only the first `end` or `fail` counts. */
  end(): void {
    this.#endWith({ kind: "stopped" })
  }

  /** Asks for an end because a part cannot go on; the process will answer with an exit code other than 0. */
  fail(error: unknown): void {
    this.#endWith({ kind: "failed", error })
  }

  /**
   * Stops every part, last started first; one that fails does not keep the others running. Resolves when all have stopped or the deadline
   * has passed, with what went wrong: nothing, at best.
   */
  async stopAll(deadlineMs: number): Promise<readonly StopProblem[]> {
    this.end()
    const problems: StopProblem[] = []
    const deadline = Promise.withResolvers<"late">()
    const timer = setTimeout(() => deadline.resolve("late"), deadlineMs)
    for (let part = this.#running.pop(); part !== undefined; part = this.#running.pop()) {
      try {
        if ((await Promise.race([part.stop(), deadline.promise])) === "late") throw new Error(`has not stopped within ${deadlineMs} ms`)
      } catch (error) {
        problems.push({ part: part.name, error })
      }
    }
    clearTimeout(timer)
    return problems
  }

  #endWith(ending: Ending): void {
    this.#ended.resolve(ending)
    this.#stopping.abort(new Error("the process is to stop"))
  }
}
