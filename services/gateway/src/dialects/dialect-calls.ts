import { setTimeout as pause } from "node:timers/promises"
import { create, type DescMessage, type DescMethodUnary, type MessageShape } from "@bufbuild/protobuf"
import { assert, isRefusal, limits, refuse, type Refusal } from "@posthorn/core"
import { IngestService } from "@posthorn/proto"
import { methodName, type PublishPort } from "../call.ts"
import type { Arrival } from "../doors/arrival.ts"
import { type Entry, type Invokers, operationOf } from "../doors/entry.ts"
import type { Exchange } from "../doors/exchange.ts"
import type { Probes } from "../doors/pages.ts"
import type { BuildRequest, DialectCalls } from "./dialect.ts"

/** What every door works with. */
export interface DialectSurroundings {
  readonly entry: Entry
  readonly invokers: Invokers
  readonly publish: PublishPort
  readonly probes: Pick<Probes, "health">
}

/** The header that names the application where neither the address nor the key does. */
export const APPLICATION_HEADER = "posthorn-application"

/** What the address says that a request came to. */
type Address = Pick<Arrival, "doorway" | "role">

const PUBLISH = operationOf(IngestService.method.publish)

/** What one request can have done, by the ways that the canonical doors use. */
export function dialectCalls(surroundings: DialectSurroundings, exchange: Exchange, { doorway, role }: Address): DialectCalls {
  const { entry, invokers, publish, probes } = surroundings
  const { door, requestId, authorization, remoteAddress, ifMatch, idempotencyKey, tell } = exchange
  const arrival: Arrival = {
    door,
    requestId,
    authorization,
    remoteAddress,
    ifMatch,
    idempotencyKey,
    tell,
    doorway,
    role,
    get signal() {
      return exchange.signal
    },
  }
  const rpc = async <I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    build: BuildRequest<I>,
  ): Promise<MessageShape<O> | Refusal> => {
    const invoke = invokers.get(method)
    assert(invoke !== undefined, `${methodName(method)} is a method of the contract`)
    const result = await invoke(arrival, async ({ caller }) => {
      if (caller.applicationId === undefined) return NO_APPLICATION
      const init = await build(caller.applicationId)
      return isRefusal(init) ? init : create<DescMessage>(method.input, init)
    })
    return result as MessageShape<O> | Refusal // The invoker of a method answers its output.
  }
  return {
    rpc,
    async rpcOnceShown(method, build) {
      for (const waitMs of limits.DIALECT_LOOKS_MS) {
        const result = await rpc(method, build)
        if (!isRefusal(result) || result.code !== "not_found") return result
        await pause(waitMs)
      }
      return rpc(method, build)
    },
    async ingest(subscriptionId, read, shape) {
      const accepted = await entry.watch("ingest", arrival, async () => {
        const parts = await read()
        return isRefusal(parts) ? parts : publish.ingest({ subscriptionId, ...parts, requestId, remoteAddress, doorway, tell })
      })
      if (isRefusal(accepted)) return accepted
      return accepted.challenge === undefined ? shape(accepted) : { status: 200, body: { challenge: accepted.challenge } }
    },
    publish: (read) =>
      entry.enter(PUBLISH, arrival, async (call) => {
        if (call.caller.applicationId === undefined) return NO_APPLICATION
        const input = await read()
        return isRefusal(input) ? input : publish.publish({ ...input, idempotencyKey: idempotencyKey || input.idempotencyKey }, call)
      }),
    async health() {
      const { serving, body } = await probes.health()
      return { status: serving ? 200 : 503, body }
    },
  }
}

const NO_APPLICATION = refuse("invalid_argument", "Name the application.", {
  details: [{ field: APPLICATION_HEADER, reason: "must be given as a header with the operator's key" }],
})
