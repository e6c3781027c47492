import { limits, type Topic } from "@posthorn/core"
import type { PartitionSession } from "../partition-session.ts"
import { Backoff } from "./backoff.ts"
import { wasCut, type FetchRequest, type RecordSource } from "./record-source.ts"

/**
 * Reads the partitions of a group member: one request at a time, for all partitions that have room and may have records.
 * Sleeps when there are none, until the source or a session says otherwise.
 */
export class SessionReader {
  readonly #source: RecordSource
  readonly #onError: (error: unknown) => void
  readonly #sessions = new Set<PartitionSession>()
  /** Sessions whose partition may have records that were not read yet. */
  readonly #due = new Set<PartitionSession>()
  readonly #stopped = new AbortController()
  readonly #unsubscribe: () => void
  readonly #backoff = new Backoff()
  #running = false

  /** @param onError told of every read that failed, and is tried again */
  constructor(source: RecordSource, onError: (error: unknown) => void) {
    this.#source = source
    this.#onError = onError
    this.#unsubscribe = source.onAppended((topic, partitions) => this.#wake(topic, partitions))
  }

  add(session: PartitionSession): void {
    this.#sessions.add(session)
    this.read(session)
  }

  remove(session: PartitionSession): void {
    this.#sessions.delete(session)
    this.#due.delete(session)
  }

  /** The session may be read, or be read elsewhere: look again. */
  read(session: PartitionSession): void {
    if (!this.#sessions.has(session)) return
    this.#due.add(session)
    this.#start()
  }

  /** Hands over nothing from now on. */
  stop(): void {
    this.#unsubscribe()
    this.#stopped.abort()
    this.#sessions.clear()
    this.#due.clear()
  }

  #wake(topic: Topic, partitions?: ReadonlySet<number>): void {
    for (const session of this.#sessions) {
      if (session.topic === topic && (partitions?.has(session.partition) ?? true)) this.#due.add(session)
    }
    this.#start()
  }

  #start(): void {
    if (this.#running || this.#due.size === 0) return
    this.#running = true
    void this.#run()
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const sessions = [...this.#due].filter((session) => !session.full)
      if (sessions.length === 0) break
      // Forgotten before the read, so that a record that arrives during it is not missed.
      for (const session of sessions) this.#due.delete(session)
      await this.#read(sessions)
    }
    this.#running = false
  }

  async #read(sessions: readonly PartitionSession[]): Promise<void> {
    const requests = sessions.map((session) => requestOf(session, sessions.length))
    const answers = await this.#fetch(requests)
    for (const [index, request] of requests.entries()) {
      const [session, records] = [sessions[index], answers?.[index] ?? []]
      if (session === undefined || !this.#sessions.has(session)) continue
      if (answers === undefined || wasCut(request, records)) this.#due.add(session)
      session.accept(records, request.from)
    }
  }

  /** Answers undefined when the log is away. */
  async #fetch(requests: readonly FetchRequest[]): Promise<Awaited<ReturnType<RecordSource["fetch"]>> | undefined> {
    try {
      const answers = await this.#source.fetch(requests)
      this.#backoff.succeeded()
      return answers
    } catch (error) {
      this.#onError(error)
      await this.#backoff.failed(this.#stopped.signal)
      return undefined
    }
  }
}

function requestOf(session: PartitionSession, sessions: number): FetchRequest {
  const room = session.room
  return {
    topic: session.topic,
    partition: session.partition,
    from: session.position,
    records: Math.min(room.records, limits.FETCH_RECORDS_MAX),
    bytes: Math.min(room.bytes, Math.ceil(limits.FETCH_BYTES_MAX / sessions)),
  }
}
