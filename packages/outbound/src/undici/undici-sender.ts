import { limits } from "@posthorn/core"
import type { AttemptSender, SendResult } from "../attempt-sender.ts"
import type { AddressPolicy } from "../guard/address-policy.ts"
import { createNameResolver } from "../guard/name-resolver.ts"
import { ConnectionPool } from "./connection-pool.ts"
import { Exchange } from "./exchange.ts"
import { refused } from "./failure.ts"
import { createGuardedDial } from "./guarded-dial.ts"
import { createTargets } from "./targets.ts"

export interface UndiciSenderOptions {
  /** For the sender's whole life: connections that are kept alive are not judged again, so a new policy needs a new sender. */
  readonly policy: AddressPolicy
  /** Connections to one endpoint (scheme, host and port); further requests wait. Default `ENDPOINT_CONNECTIONS_MAX`. */
  readonly connectionsPerEndpoint?: number
  /** Idle connections kept over all endpoints. Default `IDLE_CONNECTIONS_MAX`. */
  readonly idleConnections?: number
}

/**
 * A sender over undici's client. HTTP/1.1 only, one request at a time on a connection. An answer counts once all of it was read, or more of
 * its body than `RESPONSE_BODY_READ_BYTES_MAX`: one that breaks off, or is still coming at the deadline, is no answer.
 */
export function createUndiciSender(options: UndiciSenderOptions): AttemptSender {
  const { policy, connectionsPerEndpoint = limits.ENDPOINT_CONNECTIONS_MAX, idleConnections = limits.IDLE_CONNECTIONS_MAX } = options
  const pool = new ConnectionPool(createGuardedDial(policy, createNameResolver(policy)), { connectionsPerEndpoint, idleConnections })
  const targetOf = createTargets(policy)

  return {
    send: (request) =>
      new Promise<SendResult>((resolve) => {
        const target = targetOf(request.url)
        if (target === undefined)
          return resolve({ kind: "none", ...refused, phases: { dns: 0, connect: 0, tls: 0, firstByte: 0, total: 0 } })
        const exchange = new Exchange(request, target, (settled, result, fate) => {
          pool.release(settled, fate)
          resolve(result)
        })
        return pool.run(exchange)
      }),
    close: () => pool.close(),
  }
}
