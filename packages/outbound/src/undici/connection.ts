import { limits } from "@posthorn/core"
import { Client, type Dispatcher } from "undici"
import type { Dialling, GuardedDial } from "./guarded-dial.ts"

/** A connection to one endpoint, made when first needed; carries one exchange at a time. */
export class Connection {
  /** How the connection was made for the exchange that it carries; `undefined` when it was there already. */
  dialling: Dialling | undefined = undefined
  readonly #client: Client

  constructor(origin: string, dial: GuardedDial, onLost: (connection: Connection) => void) {
    this.#client = new Client(origin, {
      connect: (options, callback) => {
        this.dialling = { startedAt: performance.now(), resolvedAt: 0, connectedAt: 0, readyAt: 0, socket: undefined }
        dial(options, this.dialling, callback)
      },
      allowH2: false,
      pipelining: 1,
      maxHeaderSize: limits.RESPONSE_HEADERS_BYTES_MAX,
      keepAliveTimeout: limits.IDLE_CONNECTION_MS,
      keepAliveMaxTimeout: limits.IDLE_CONNECTION_MS,
      // The exchange has its own deadline over everything.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    this.#client.on("disconnect", () => onLost(this))
  }

  carry(options: Dispatcher.DispatchOptions, exchange: Dispatcher.DispatchHandler): void {
    this.dialling = undefined
    this.#client.dispatch(options, exchange)
  }

  /** Ends the connection, also one that is still being made. The exchange that it carries fails. */
  async destroy(): Promise<void> {
    this.dialling?.socket?.destroy()
    await this.#client.destroy()
  }
}
