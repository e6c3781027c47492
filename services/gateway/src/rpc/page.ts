import { isId, limits, refuse, type IdKind, type Refusal, type SortedIds } from "@posthorn/core"

export interface Page {
  /** Newest first. */
  readonly ids: readonly string[]
  readonly nextPageToken: string
}

export interface PageRequest {
  readonly pageSize: number
  readonly pageToken: string
  /** Which of them are wanted; default all. A page then looks through `LIST_SCAN_MAX` of them at most, and may be shorter although others follow. */
  readonly wanted?: ((id: string) => boolean) | undefined
}

/** A page of entities from the table. Stable while others come and go: it goes on below the last one that the page before looked at. */
export function pageOf(all: SortedIds, kind: IdKind, request: PageRequest): Page | Refusal {
  const before = Buffer.from(request.pageToken, "base64url").toString()
  if (request.pageToken !== "" && !isId(kind, before)) {
    const details = [{ field: "page_token", reason: "must be a token as answered by the call before" }]
    return refuse("invalid_argument", "The page token is none of ours.", { details })
  }
  const size = Math.min(request.pageSize || limits.PAGE_SIZE_DEFAULT, limits.PAGE_SIZE_MAX)
  const { wanted = () => true } = request
  const lookMax = request.wanted === undefined ? size : limits.LIST_SCAN_MAX
  const ids: string[] = []
  let last = ""
  for (const [at, id] of all.newest(lookMax + 1, before || undefined).entries()) {
    if (ids.length === size || at === lookMax) return { ids, nextPageToken: Buffer.from(last).toString("base64url") }
    last = id
    if (wanted(id)) ids.push(id)
  }
  return { ids, nextPageToken: "" }
}
