import { timestampFromDate } from "@bufbuild/protobuf/wkt"
import type { QueryResultRow } from "pg"
import type { KeyUses } from "../status-store.ts"
import { textColumn, timeColumn } from "./column.ts"
import type { Database } from "./database.ts"

/** Rows are locked in one order, so that two gateways that write the same keys wait for each other instead of blocking each other. */
const NOTE = `
  with used as (
    select keys.id, used.at
    from unnest($1::text[], $2::timestamptz[]) as used (id, at)
    join posthorn.api_keys keys on keys.id = used.id
    order by keys.id
    for update of keys)
  update posthorn.api_keys held
  set last_used_at = used.at
  from used
  where held.id = used.id and (held.last_used_at is null or held.last_used_at < used.at)`

const SELECT = "select id, last_used_at from posthorn.api_keys where id = any($1::text[]) and last_used_at is not null"

interface UseRow extends QueryResultRow {
  readonly id: string
  readonly last_used_at: Date
}

export function createKeyUses(database: Database): KeyUses {
  return {
    async noteUses(uses) {
      if (uses.length === 0) return
      const values = [textColumn(uses.map(({ keyId }) => keyId)), timeColumn(uses.map(({ usedAt }) => usedAt))]
      await database.run({ name: "key-uses-note", text: NOTE, values })
    },
    async lastUses(keyIds) {
      if (keyIds.length === 0) return new Map()
      const rows = await database.run<UseRow>({ name: "key-uses", text: SELECT, values: [textColumn(keyIds)] })
      return new Map(rows.map((row) => [row.id, timestampFromDate(row.last_used_at)]))
    },
  }
}
