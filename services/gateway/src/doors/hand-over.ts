import type { Message } from "@bufbuild/protobuf"
import type { Refusal } from "@posthorn/core"
import type { FeedSink } from "./feeds.ts"

/** Lets whoever serves a feed write to somebody who asks for one message after the other. */
export class HandOver implements FeedSink {
  #offered = Promise.withResolvers<Message | undefined>()
  #taken = Promise.withResolvers<void>()

  /** Yields what is served, and answers how that ended. Whoever stops asking has to end the serving by other means. */
  static async *of(serve: (sink: FeedSink) => Promise<"done" | Refusal>): AsyncGenerator<Message, "done" | Refusal> {
    const handOver = new HandOver()
    let over = false
    const ended = serve(handOver).finally(() => {
      over = true
      handOver.#offered.resolve(undefined)
    })
    for (;;) {
      const message = await handOver.#offered.promise
      if (message === undefined) return ended
      handOver.#offered = Promise.withResolvers()
      if (over) handOver.#offered.resolve(undefined)
      yield message
      handOver.#taken.resolve()
    }
  }

  open(): boolean {
    return true
  }

  write(message: Message): Promise<void> {
    this.#taken = Promise.withResolvers()
    this.#offered.resolve(message)
    return this.#taken.promise
  }
}
