import type { DescMethodUnary, Message } from "@bufbuild/protobuf"
import { isRefusal, type Refusal } from "@posthorn/core"
import type { Role } from "@posthorn/proto"
import { type Access, type Call, type DoorEvents, type Handlers, methodName } from "../call.ts"
import { refusalOf } from "../error-boundary.ts"
import { type Arrival, callOf } from "./arrival.ts"
import { publicMethods, roleOf } from "./methods.ts"
import { requestRules } from "./request-rules.ts"

/** What a caller wants done, and the role that it takes. */
export interface Operation {
  readonly name: string
  readonly role: Role
}

/** What every door does with a request, in one order: who is it, may it, what does it say, does it keep the rules, and only then the handler. */
export class Entry {
  readonly #access: Access
  readonly #events: DoorEvents

  constructor(access: Access, events: DoorEvents) {
    this.#access = access
    this.#events = events
  }

  /** Lets a caller with that role do the work. Never rejects: what is thrown becomes a refusal, and its cause an event. */
  enter<T>({ name, role }: Operation, arrival: Arrival, work: (call: Call) => Promise<T | Refusal>): Promise<T | Refusal> {
    return this.watch(name, arrival, async () => {
      const caller = await this.#access.authenticate(arrival.authorization)
      if (isRefusal(caller)) return caller
      return this.#access.authorize(role, caller) ?? work(callOf(arrival, caller))
    })
  }

  /** The same without a caller: for work that finds out itself who is there. */
  async watch<T>(name: string, arrival: Arrival, work: () => Promise<T | Refusal>): Promise<T | Refusal> {
    const startedAt = performance.now()
    const result = await work().catch((cause: unknown) => {
      this.#events.requestFailed({ door: arrival.door, method: name, requestId: arrival.requestId, cause })
      return refusalOf(cause)
    })
    const code = isRefusal(result) ? result.code : "ok"
    this.#events.requestFinished({
      door: arrival.door,
      method: name,
      code,
      durationMs: performance.now() - startedAt,
      requestId: arrival.requestId,
    })
    return result
  }
}

/** Throws when the method declares no role. */
export function operationOf(method: DescMethodUnary): Operation {
  return { name: methodName(method), role: roleOf(method) }
}

/** Carries out one method for a request that is still to be decoded. */
export type Invoke = (arrival: Arrival, decode: () => Message | Refusal | Promise<Message | Refusal>) => Promise<Message | Refusal>

/** What carries out each method of the contract. */
export type Invokers = ReadonlyMap<DescMethodUnary, Invoke>

/** Throws, so that the gateway does not start, when a method has no handler or role, or its rules cannot be compiled. */
export function invokersOf(entry: Entry, handlers: Handlers): Invokers {
  return new Map(publicMethods.map((method) => [method, invokerOf(method, entry, handlers)]))
}

function invokerOf(method: DescMethodUnary, entry: Entry, handlers: Handlers): Invoke {
  const operation = operationOf(method)
  const handler = handlers.of(method)
  const violates = requestRules(method.input)
  return (arrival, decode) =>
    entry.enter<Message>(operation, arrival, async (call) => {
      const request = await decode()
      if (isRefusal(request)) return request
      return violates(request) ?? handler(request, call)
    })
}
