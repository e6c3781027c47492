import { createHash } from "node:crypto"
import type { EventAccepted } from "@posthorn/proto"

/** SHA-256 of what makes two events under one idempotency key the same: type, content type, metadata in any order, payload. Part of the data format. */
export function bodyHash({ type, contentType, metadata, payload }: EventAccepted): Buffer {
  const entries = Object.entries(metadata).toSorted(([a], [b]) => (a < b ? -1 : 1))
  // JSON keeps the texts apart from each other, and the payload comes last.
  return createHash("sha256")
    .update(JSON.stringify([type, contentType, entries]))
    .update(payload)
    .digest()
}
