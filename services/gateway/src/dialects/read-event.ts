import { isRefusal, type PublishInput, type Refusal } from "@posthorn/core"
import { publishInputFromJson } from "../doors/publish-json.ts"
import type { DialectRequest } from "./dialect.ts"

/**
 * The event that a body describes, by what its fields are in the contract; others are passed over. A field `data` keeps the bytes that the client wrote.
 */
export async function readEvent(
  request: DialectRequest,
  fields: Readonly<Record<string, "type" | "data" | "metadata" | "id">>,
): Promise<PublishInput | Refusal> {
  const body = await request.event()
  if (isRefusal(body)) return body
  const named = Object.entries(fields).filter(([name]) => Object.hasOwn(body.value, name))
  return publishInputFromJson({ ...body, value: Object.fromEntries(named.map(([name, field]) => [field, body.value[name] ?? null])) })
}
