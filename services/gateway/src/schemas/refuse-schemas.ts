import { limits, refuse, type Refusal, type Violation } from "@posthorn/core"
import type { EventTypeVersion } from "@posthorn/proto"
import type { SchemaChecker } from "./schema-checker.ts"

/** Why schemas cannot be used, by their places in an event type; nothing when all of them compile. */
export async function refuseSchemas(
  checker: Pick<SchemaChecker, "ask">,
  applicationId: string,
  versions: readonly Pick<EventTypeVersion, "schema">[],
): Promise<Refusal | undefined> {
  const details: Violation[] = []
  for (const [at, { schema }] of versions.entries()) {
    if (schema === undefined) continue
    const text = JSON.stringify(schema)
    const place = `event_type.versions[${at}].schema`
    if (Buffer.byteLength(text) > limits.SCHEMA_BYTES_MAX) {
      details.push({ field: place, reason: `must have at most ${limits.SCHEMA_BYTES_MAX} bytes as JSON` })
      continue
    }
    const outcome = await checker.ask(applicationId, { kind: "schema", schema: text })
    if (outcome === "overrun") details.push({ field: place, reason: `cannot be compiled within ${limits.SCHEMA_CHECK_MS} ms` })
    else if (outcome === "resting")
      return refuse("resource_exhausted", "Schemas or payloads of this application took too long a moment ago.", {
        retryAfterSeconds: limits.SCHEMA_REST_MS / 1000,
      })
    else if (outcome === "unavailable") return refuse("unavailable", "Schemas cannot be compiled at the moment.", { retryAfterSeconds: 1 })
    else details.push(...outcome.violations.map(({ field, reason }) => ({ field: place + field, reason })))
  }
  if (details.length === 0) return undefined
  return refuse("invalid_argument", "A schema cannot be used.", { details: details.slice(0, limits.SCHEMA_VIOLATIONS_MAX) })
}
