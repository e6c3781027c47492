import type { JsonValue } from "@bufbuild/protobuf"

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Whether a media type is JSON: `application/json` or a `+json` suffix. */
export const isJsonType = (contentType: string): boolean => /^(application|text)\/([\w.-]+\+)?json\s*(;|$)/i.test(contentType)

/** The one well-formed JSON value in UTF-8 that bytes are, or `undefined`. */
export function jsonOf(bytes: Uint8Array): JsonValue | undefined {
  try {
    return JSON.parse(strict.decode(bytes)) as JsonValue
  } catch {
    return undefined // Whoever asks wants to know no more.
  }
}

/** Whether bytes are one well-formed JSON value in UTF-8. */
export const parsesAsJson = (bytes: Uint8Array): boolean => jsonOf(bytes) !== undefined
