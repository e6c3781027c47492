import { randomUUID } from "node:crypto"
import type { Client } from "pg"
import { Backoff } from "../pull/backoff.ts"

export interface NoticeListener {
  /** Records were appended to these topics by somebody; undefined: to any topic, perhaps. */
  readonly appended: (topicIds: readonly number[] | undefined) => void
  /** Members or owners of this group changed; undefined: of any group, perhaps. */
  readonly groupChanged: (group: string | undefined) => void
  /** Listening was interrupted, and is tried again. */
  readonly onError: (error: unknown) => void
}

/**
 * What processes on one log tell each other, so that nobody has to look all the time. Notices can get lost with a connection:
 * after every reconnect the listener is told that anything may have happened.
 */
export class Notices {
  readonly channel: string
  readonly #sender = randomUUID()
  readonly #newClient: () => Client
  readonly #listener: NoticeListener
  readonly #stopped = new AbortController()
  #client: Client | undefined
  #running: Promise<void> | undefined

  constructor(channel: string, newClient: () => Client, listener: NoticeListener) {
    this.channel = channel
    this.#newClient = newClient
    this.#listener = listener
  }

  /** Listens until stopped, whatever happens to the connection. */
  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#client?.end().catch(() => undefined)
    await this.#running
  }

  appended(topicIds: readonly number[]): { readonly channel: string; readonly payload: string } {
    return { channel: this.channel, payload: `appended ${this.#sender} ${topicIds.join(",")}` }
  }

  groupChanged(group: string): { readonly channel: string; readonly payload: string } {
    return { channel: this.channel, payload: `group ${this.#sender} ${group}` }
  }

  async #run(): Promise<void> {
    const backoff = new Backoff()
    while (!this.#stopped.signal.aborted) {
      try {
        await this.#listen(() => backoff.succeeded())
      } catch (error) {
        this.#listener.onError(error)
      }
      await backoff.failed(this.#stopped.signal)
    }
  }

  /** Resolves when the connection has ended. */
  async #listen(onListening: () => void): Promise<void> {
    const client = this.#newClient()
    this.#client = client
    const ended = new Promise<void>((resolve) => client.once("end", resolve))
    client.on("error", () => void client.end().catch(() => undefined))
    client.on("notification", ({ payload }) => this.#heard(payload ?? ""))
    // A client that is ended while it connects never settles its connect.
    const listening = client.connect().then(() => client.query(`listen ${this.channel}`))
    if ((await Promise.race([ended, listening])) === undefined) return
    onListening()
    this.#listener.appended(undefined)
    this.#listener.groupChanged(undefined)
    await ended
  }

  #heard(payload: string): void {
    const [kind, sender, ...words] = payload.split(" ")
    // What this process did, it has told its own readers already, sooner.
    if (sender === this.#sender) return
    const what = words.join(" ")
    if (kind === "appended") this.#listener.appended(what.split(",").map(Number))
    else if (kind === "group") this.#listener.groupChanged(what)
  }
}
