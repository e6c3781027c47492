const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Whether a media type is JSON: `application/json` or a `+json` suffix. */
export const isJsonType = (contentType: string): boolean => /^(application|text)\/([\w.-]+\+)?json\s*(;|$)/i.test(contentType)

/** Whether bytes are one well-formed JSON value in UTF-8. */
export function parsesAsJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(strict.decode(bytes))
    return true
  } catch {
    return false // The only question is whether it throws.
  }
}
