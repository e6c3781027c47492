import type { DescMethod, DescMethodUnary, Message } from "@bufbuild/protobuf"
import { isRefusal, type Refusal, type RefusalCode } from "@posthorn/core"
import type { Role } from "@posthorn/proto"
import { type Access, type Call, type Caller, type DoorEvents, type Handlers, methodName, type RefusalNotes } from "../call.ts"
import { refusalOf } from "../error-boundary.ts"
import { type Arrival, callOf } from "./arrival.ts"
import { entityNamed, isCommand, keyedRequest, withKeyed } from "./keyed-request.ts"
import { publicMethods, roleOf } from "./methods.ts"
import { requestRules } from "./request-rules.ts"

/** What a caller wants done, and the role that it takes. */
export interface Operation {
  readonly name: string
  readonly role: Role
}

/** Not the caller's doing: nothing was refused. */
const FAULTS: ReadonlySet<RefusalCode> = new Set(["unavailable", "internal", "deadline_exceeded", "unimplemented"])

/** A request that was refused. */
interface Noted {
  readonly name: string
  readonly arrival: Arrival
  /** `undefined` = nobody knows who it was. */
  readonly caller: Caller | undefined
  readonly entityId?: string
}

/** What every door does with a request, in one order: who is it, may it, what does it say, does it keep the rules, and only then the handler. */
export class Entry {
  readonly #access: Access
  readonly #events: DoorEvents
  readonly #refusals: RefusalNotes | undefined

  constructor(access: Access, events: DoorEvents, refusals?: RefusalNotes) {
    this.#access = access
    this.#events = events
    this.#refusals = refusals
  }

  /** Lets a caller with that role do the work. Never rejects: what is thrown becomes a refusal, and its cause an event. */
  enter<T>({ name, role }: Operation, arrival: Arrival, work: (call: Call) => Promise<T | Refusal>): Promise<T | Refusal> {
    return this.watch(name, arrival, async () => {
      const caller = await this.#access.authenticate(arrival.authorization, arrival.doorway)
      if (isRefusal(caller)) return this.note(caller, { name, arrival, caller: undefined })
      const denied =
        this.#access.authorize(role, caller) ?? (arrival.role === undefined ? undefined : this.#access.authorize(arrival.role, caller))
      return denied === undefined ? work(callOf(arrival, caller)) : this.note(denied, { name, arrival, caller })
    })
  }

  /** Takes a refused request down, and answers its refusal. */
  note(refusal: Refusal, { name, arrival, caller, entityId = "" }: Noted): Refusal {
    const { requestId, remoteAddress } = arrival
    this.#refusals?.refused({ method: name, code: refusal.code, caller, entityId, requestId, remoteAddress })
    return refusal
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
export function operationOf(method: DescMethod): Operation {
  return { name: methodName(method), role: roleOf(method) }
}

/** Carries out one method for a request that is still to be decoded. */
export type Invoke = (
  arrival: Arrival,
  decode: (call: Call) => Message | Refusal | Promise<Message | Refusal>,
) => Promise<Message | Refusal>

/** What carries out each method of the contract. */
export type Invokers = ReadonlyMap<DescMethodUnary, Invoke>

/** Throws, so that the gateway does not start, when a method has no handler or role, or its rules cannot be compiled. */
export function invokersOf(entry: Entry, handlers: Handlers, methods = publicMethods): Invokers {
  return new Map(methods.map((method) => [method, invokerOf(method, entry, handlers)]))
}

function invokerOf(method: DescMethodUnary, entry: Entry, handlers: Handlers): Invoke {
  const operation = operationOf(method)
  const handler = handlers.of(method)
  const violates = requestRules(method.input)
  const command = isCommand(method)
  const carryOut = async (request: Message, call: Call, key: string | undefined): Promise<Message | Refusal> => {
    const keyed = violates(request) ?? (command ? keyedRequest(method, request, key) : undefined)
    return isRefusal(keyed) ? keyed : handler(request, withKeyed(call, keyed))
  }
  return (arrival, decode) =>
    entry.enter<Message>(operation, arrival, async (call) => {
      const request = await decode(call)
      const result = isRefusal(request) ? request : await carryOut(request, call, arrival.idempotencyKey)
      if (!command || !isRefusal(result) || FAULTS.has(result.code)) return result
      const entityId = isRefusal(request) ? "" : entityNamed(method, request)
      return entry.note(result, { name: operation.name, arrival, caller: call.caller, entityId })
    })
}
