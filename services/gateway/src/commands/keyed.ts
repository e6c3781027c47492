import { createHash } from "node:crypto"
import { create, toJson, type DescMethodUnary, type JsonValue, type Message } from "@bufbuild/protobuf"
import { refuse, type CommandDone, type Refusal } from "@posthorn/core"
import { CommandSchema, type Command } from "@posthorn/proto"
import { fingerprintOf, hasFingerprint } from "../access/fingerprint.ts"
import { methodName, type Call, type Handler } from "../call.ts"
import type { CommandContext } from "./command-context.ts"

/** What a request with an idempotency key came to before; a refusal when it asked for something else then; `undefined` = it is the first. */
export function earlierOf({ config, box, nowMs }: CommandContext, call: Call): CommandDone | Refusal | undefined {
  const { keyed } = call
  const done = keyed && config.table.commands.find(commandNameOf(call, keyed), nowMs())
  if (keyed === undefined || done === undefined) return undefined
  if (hasFingerprint(box, "posthorn commands", { parts: [keyed.content], fingerprint: done.content })) return done
  return otherRequest()
}

export const otherRequest = (): Refusal =>
  refuse("already_exists", "The idempotency key was used for another request: choose another one.", {
    details: [{ field: "idempotency-key", reason: "was used for another request" }],
  })

/** What a change carries of the request that it carries out; `undefined` = the caller gave no key. */
export function commandOf({ box }: CommandContext, call: Call): Command | undefined {
  const { keyed } = call
  if (keyed === undefined) return undefined
  return create(CommandSchema, { name: commandNameOf(call, keyed), content: fingerprintOf(box, "posthorn commands", [keyed.content]) })
}

/**
 * The same handler for requests with idempotency keys: one that was carried out and asked for something else is refused at once, and the repetition of
 * one that answers nothing, such as a deletion, is answered that. All else is `changeConfig`'s.
 */
export function repeatable<M extends DescMethodUnary>(context: CommandContext, method: M, handler: Handler<M>): Handler<M> {
  const answersNothing = method.output.fields.length === 0
  return async (request, call) => {
    const earlier = earlierOf(context, call)
    if (earlier === undefined) return handler(request, call)
    if ("entityId" in earlier) return answersNothing ? (create(method.output) as Awaited<ReturnType<Handler<M>>>) : handler(request, call)
    return earlier
  }
}

/** The same request for a further thing that it changes, so that each of several is done once. */
export function forItem(call: Call, item: string): Call {
  if (call.keyed === undefined) return call
  return Object.create(call, { keyed: { value: { ...call.keyed, item } } }) as Call
}

/** A digest of what a request asks for, the same at all doors. `undefined` = it has a number that JSON cannot write. */
export function contentOf(method: DescMethodUnary, request: Message): string | undefined {
  try {
    return createHash("sha256")
      .update(JSON.stringify(sorted(toJson(method.input, request))))
      .digest("base64")
  } catch {
    return undefined
  }
}

/** The same for the same caller, method and key, at whichever door. Part of the data format. */
export function commandNameOf({ caller }: Call, { method, key, item = "" }: NonNullable<Call["keyed"]>): string {
  return `cmd_${createHash("sha256")
    .update(JSON.stringify([caller.applicationId ?? "", caller.keyId, methodName(method), key, item]))
    .digest()
    .subarray(0, 24)
    .toString("base64url")}`
}

/** Members in one order, however the request had them. */
function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== "object" || value === null) return value
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(members.map(([name, member]) => [name, sorted(member)]))
}
