import { isIP, Socket, type LookupFunction } from "node:net"
import { limits } from "@posthorn/core"
import { buildConnector } from "undici"
import { type AddressPolicy, mayReach } from "../guard/address-policy.ts"
import { GuardRefusal } from "../guard/guard-refusal.ts"
import type { NameResolver } from "../guard/name-resolver.ts"

/** How far the making of a connection has come. Times by `performance.now()`; 0 = not yet. */
export interface Dialling {
  readonly startedAt: number
  resolvedAt: number
  connectedAt: number
  /** When the connection could be used: after the handshake, if there is one. */
  readyAt: number
  /** To be destroyed when nobody wants the connection any more. */
  socket: Socket | undefined
}

export type GuardedDial = (options: buildConnector.Options, dialling: Dialling, callback: buildConnector.Callback) => void

/**
 * Makes connections that reach only what the policy allows. Literals are judged here, since no look-up is made for them; a name is dialled
 * at the vetted addresses alone, one after the other until one answers; and the address that was reached in the end is judged once more.
 * The name stays what the certificate is checked against.
 */
export function createGuardedDial(policy: AddressPolicy, resolveName: NameResolver): GuardedDial {
  const lookup: LookupFunction = (name, _options, callback) => {
    resolveName(name).then(
      (addresses) => callback(null, [...addresses]),
      (error: Error) => callback(error, []),
    )
  }
  // The attempt's own deadline bounds the time; `autoSelectFamily` makes Node ask `lookup` for all addresses and try each.
  const connect = buildConnector({
    lookup,
    allowH2: false,
    timeout: 0,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: limits.ADDRESS_TRY_MS,
  })

  return (options, dialling, callback) => {
    if (isIP(options.hostname) !== 0) {
      if (!mayReach(policy, options.hostname)) return callback(new GuardRefusal(), null)
      dialling.resolvedAt = dialling.startedAt
    }
    const socket: unknown = connect(options, (error, connected) => {
      if (error !== null) return callback(error, null)
      if (!mayReach(policy, connected.remoteAddress ?? "")) {
        connected.destroy()
        return callback(new GuardRefusal(), null)
      }
      dialling.readyAt = performance.now()
      if (dialling.connectedAt === 0) dialling.connectedAt = dialling.readyAt
      return callback(null, connected)
    })
    // The connector answers its socket at once, though its type does not say so.
    if (socket instanceof Socket) watch(socket, dialling)
  }
}

function watch(socket: Socket, dialling: Dialling): void {
  dialling.socket = socket
  socket.once("lookup", (error: Error | null) => {
    if (error === null) dialling.resolvedAt = performance.now()
  })
  socket.once("connect", () => {
    dialling.connectedAt = performance.now()
  })
  // After its handshake a TLS socket reports broken encryption and stays open: without this the exchange would hang until its deadline.
  socket.on("error", () => socket.destroy())
}
