import { isRefusal, type Refusal } from "@posthorn/core"

/** One page of a list. */
export interface ExportedPage<Row> {
  readonly rows: readonly Row[]
  /** Empty on the last page. */
  readonly nextPageToken: string
}

export interface Exported<Row, Message> {
  /** Where to begin; empty = with the newest. */
  readonly pageToken: string
  readonly read: (pageToken: string) => Promise<ExportedPage<Row> | Refusal>
  readonly messageOf: (row: Row, pageToken: string) => Message | Promise<Message>
  /** Aborted when nobody wants more. */
  readonly signal: AbortSignal
}

/**
 * All pages of a list as one stream of rows, read as fast as it is taken: nothing is held in the store between two pages, and what may be seen is
 * judged again with each. The last row of a page has the token of the next one.
 */
export async function exported<Row, Message>(options: Exported<Row, Message>): Promise<AsyncIterable<Message | Refusal> | Refusal> {
  const first = await options.read(options.pageToken)
  return isRefusal(first) ? first : messages(first, options)
}

async function* messages<Row, Message>(
  first: ExportedPage<Row>,
  { read, messageOf, signal }: Exported<Row, Message>,
): AsyncGenerator<Message | Refusal, void> {
  for (let page: ExportedPage<Row> | Refusal = first; ; page = await read(page.nextPageToken)) {
    if (isRefusal(page)) return yield page
    for (const [at, row] of page.rows.entries()) yield await messageOf(row, at === page.rows.length - 1 ? page.nextPageToken : "")
    if (page.nextPageToken === "" || signal.aborted) return
  }
}
