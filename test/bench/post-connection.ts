import { connect, type Socket } from "node:net"

const HEADER_END = Buffer.from("\r\n\r\n")

/** A kept connection for one request at a time. Understands answers with a content-length. */
export class PostConnection {
  readonly #socket: Socket
  #buffered: Buffer = Buffer.alloc(0)
  #waiting: ((status: number) => void) | undefined
  #ended = false

  constructor({ host, port }: { readonly host: string; readonly port: number }) {
    this.#socket = connect(port, host).setNoDelay(true)
    this.#socket.on("data", (chunk) => {
      this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk])
      this.#parse()
    })
    const gone = (): void => {
      this.#ended = true
      this.#settle(0)
    }
    this.#socket.on("error", gone).on("close", gone)
  }

  /** Answers the status; 0 when the connection is gone. */
  post(request: Buffer): Promise<number> {
    return new Promise((resolve) => {
      this.#waiting = resolve
      if (this.#ended) this.#settle(0)
      else this.#socket.write(request)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #parse(): void {
    const end = this.#buffered.indexOf(HEADER_END)
    if (end < 0) return
    const head = this.#buffered.toString("latin1", 0, end)
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
    if (this.#buffered.length < end + 4 + length) return
    this.#buffered = this.#buffered.subarray(end + 4 + length)
    this.#settle(Number(head.slice(9, 12)))
  }

  #settle(status: number): void {
    const resolve = this.#waiting
    this.#waiting = undefined
    resolve?.(status)
  }
}
