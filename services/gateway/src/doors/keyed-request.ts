import type { DescMethod, DescMethodUnary, Message } from "@bufbuild/protobuf"
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt"
import { limits, refuse, type Refusal } from "@posthorn/core"
import { IngestService } from "@posthorn/proto"
import type { Call, KeyedRequest } from "../call.ts"
import { contentOf } from "../commands/keyed.ts"

/** Whether a method is a command: it changes something, and is no publishing, which has idempotency keys of its own. */
export const isCommand = ({ idempotency, parent }: DescMethod): boolean =>
  idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS && parent.typeName !== IngestService.typeName

const KEY = /^[\x20-\x7e]+$/

/** The key of a request with all that it asks for; `undefined` = it has none. */
export function keyedRequest(method: DescMethodUnary, request: Message, key: string | undefined): KeyedRequest | Refusal | undefined {
  if (key === undefined || key === "") return undefined
  if (key.length > limits.IDEMPOTENCY_KEY_LENGTH_MAX || !KEY.test(key)) {
    const reason = `must be at most ${limits.IDEMPOTENCY_KEY_LENGTH_MAX} visible characters`
    return refuse("invalid_argument", "The idempotency key cannot be used.", { details: [{ field: "idempotency-key", reason }] })
  }
  const content = contentOf(method, request)
  return content === undefined ? refuse("invalid_argument", "The request has a number that JSON cannot write.") : { method, key, content }
}

export const withKeyed = (call: Call, keyed: KeyedRequest | undefined): Call =>
  keyed === undefined ? call : (Object.create(call, { keyed: { value: keyed } }) as Call)

/** Longer is no id of ours. */
const ID_LENGTH_MAX = 200

/** What a request names, as its caller wrote it: the innermost thing of its ids. */
export function entityNamed(method: DescMethodUnary, request: Message): string {
  const fields = request as unknown as Readonly<Record<string, unknown>>
  const ids = method.input.fields.flatMap(({ name, localName }) => {
    const value = name.endsWith("_id") && name !== "request_id" ? fields[localName] : undefined
    return typeof value === "string" && value !== "" ? [{ name, value: value.slice(0, ID_LENGTH_MAX) }] : []
  })
  return (ids.findLast(({ name }) => name !== "application_id") ?? ids[0])?.value ?? ""
}
