import { isId, limits, refuse, type IdKind, type Refusal, type SortedIds } from "@posthorn/core"

export interface Page {
  /** Newest first. */
  readonly ids: readonly string[]
  readonly nextPageToken: string
}

/** A page of entities from the table. Stable while others come and go: it goes on below the last one of the page before. */
export function pageOf(all: SortedIds, kind: IdKind, request: { readonly pageSize: number; readonly pageToken: string }): Page | Refusal {
  const before = Buffer.from(request.pageToken, "base64url").toString()
  if (request.pageToken !== "" && !isId(kind, before)) {
    const details = [{ field: "page_token", reason: "must be a token as answered by the call before" }]
    return refuse("invalid_argument", "The page token is none of ours.", { details })
  }
  const size = Math.min(request.pageSize || limits.PAGE_SIZE_DEFAULT, limits.PAGE_SIZE_MAX)
  const found = all.newest(size + 1, before || undefined)
  const ids = found.slice(0, size)
  return { ids, nextPageToken: found.length > size ? Buffer.from(ids.at(-1) ?? "").toString("base64url") : "" }
}
