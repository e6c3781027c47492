import type { Socket } from "node:net"

/** How things go on all lines of one direction. */
export interface LineState {
  delayMs: number
  stalled: boolean
  /** What becomes of a piece of data on the way. */
  change: (bytes: Buffer) => Buffer
}

/** Bytes held back on one line; beyond them the sender is. */
const HELD_BYTES_MAX = 1024 * 1024

/** One direction of a connection: passes on what comes, in order and each piece after the delay, unless everything stands still. */
export class TcpLine {
  readonly #from: Socket
  readonly #to: Socket
  readonly #state: LineState
  /** Without bytes: the end. */
  readonly #held: { readonly bytes?: Buffer; readonly atMs: number }[] = []
  #heldBytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket, state: LineState) {
    this.#from = from
    this.#to = to
    this.#state = state
    to.on("drain", () => this.move())
    from.on("end", () => this.#hold())
    to.on("close", () => clearTimeout(this.#timer))
  }

  pass(bytes: Buffer): void {
    this.#heldBytes += bytes.length
    this.#hold(bytes)
  }

  /** Passes on what may go by now. To be called whenever the state has changed. */
  move(): void {
    clearTimeout(this.#timer)
    const { delayMs, stalled } = this.#state
    let [next] = this.#held
    while (next !== undefined && !stalled && !this.#to.writableNeedDrain && next.atMs + delayMs <= performance.now()) {
      this.#held.shift()
      this.#heldBytes -= next.bytes?.length ?? 0
      if (next.bytes === undefined) this.#to.end()
      else this.#to.write(this.#state.change(next.bytes))
      next = this.#held[0]
    }
    if (stalled || this.#heldBytes > HELD_BYTES_MAX) this.#from.pause()
    else this.#from.resume()
    if (next !== undefined && !stalled) this.#timer = setTimeout(() => this.move(), Math.max(1, next.atMs + delayMs - performance.now()))
  }

  #hold(bytes?: Buffer): void {
    this.#held.push({ ...(bytes === undefined ? {} : { bytes }), atMs: performance.now() })
    this.move()
  }
}
