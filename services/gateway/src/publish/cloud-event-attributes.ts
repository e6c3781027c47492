import type { IncomingHttpHeaders } from "node:http"
import type { JsonValue } from "@bufbuild/protobuf"
import type { CloudEventAttributes } from "@posthorn/core"

export type CloudEventMode = "structured" | "batch" | "binary"

const STRUCTURED = /^application\/cloudevents(-batch)?\+json\s*(;|$)/i
const PREFIX = "ce-"

/** How a request carries CloudEvents; `undefined` = it does not. */
export function cloudEventModeOf(headers: IncomingHttpHeaders): CloudEventMode | undefined {
  const found = STRUCTURED.exec(headers["content-type"] ?? "")
  if (found !== null) return found[1] === undefined ? "structured" : "batch"
  return headers["ce-specversion"] === undefined ? undefined : "binary"
}

/** The attributes of the binary mode: headers behind `ce-`, percent-encoded, and the content type. */
export function attributesOfHeaders(headers: IncomingHttpHeaders): CloudEventAttributes {
  const attributes = new Map<string, JsonValue>()
  for (const [name, value] of Object.entries(headers))
    if (name.startsWith(PREFIX) && value !== undefined) attributes.set(name.slice(PREFIX.length), decoded(String(value)))
  // It is the header of the body here, and not one behind the prefix.
  attributes.delete("datacontenttype")
  if (headers["content-type"] !== undefined) attributes.set("datacontenttype", headers["content-type"])
  return attributes
}

/** The attributes of the structured mode: members of an object, without the data. */
export function attributesOfObject(object: Readonly<Record<string, JsonValue>>): CloudEventAttributes {
  return new Map(Object.entries(object).filter(([name]) => name !== "data" && name !== "data_base64"))
}

/** Quotes are taken off and percent-encoding is undone, as far as there is any. */
function decoded(header: string): string {
  const text = header.replace(/^"(.*)"$/, (_, quoted: string) => quoted.replace(/\\(.)/g, "$1"))
  try {
    return decodeURIComponent(text)
  } catch {
    return text // A percent sign that stands for itself.
  }
}
