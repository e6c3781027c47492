import { timestampDate, type Timestamp } from "@bufbuild/protobuf/wkt"
import { limits, refuse, type Refusal } from "@posthorn/core"
import type { QueryResultRow } from "pg"
import type { Tenancy } from "../status-store.ts"
import { storable } from "./column.ts"
import type { Session } from "./database.ts"

/** `column operator value`. */
export interface Condition {
  readonly sql: string
  readonly value: unknown
  /** What stands behind the value; default nothing. */
  readonly end?: string
}

/** What every row of a list has: its place in the order, newest first. */
export interface Listed extends QueryResultRow {
  readonly created_at: Date
}

export interface ListQuery {
  readonly select: string
  /** Distinguishes rows of the same time. */
  readonly idColumn: string
  readonly conditions: readonly (Condition | undefined)[]
  /** 0 = the default. */
  readonly pageSize: number
  readonly pageToken: string
}

export interface Page<Row> {
  readonly rows: readonly Row[]
  /** Empty on the last page. */
  readonly nextPageToken: string
}

/** Reads a page by its place in the order, not by counting: rows that come in or go meanwhile shift nothing. */
export async function readPage<Row extends Listed>(session: Session, query: ListQuery): Promise<Page<Row> | Refusal> {
  const place = query.pageToken === "" ? undefined : placeOf(query.pageToken)
  if (query.pageToken !== "" && place === undefined) {
    return refuse("invalid_argument", "The page token is not one.", {
      details: [{ field: "page_token", reason: "must be as answered by the call before" }],
    })
  }
  const size = Math.min(query.pageSize || limits.PAGE_SIZE_DEFAULT, limits.PAGE_SIZE_MAX)
  const { sql, values } = conjunction(query.conditions)
  const [at, id] = [`$${values.length + 1}`, `$${values.length + 2}`]
  // Of days that are later than the place nothing is looked at, which the comparison of both alone does not tell the planner.
  const after = place === undefined ? "" : ` and created_at <= ${at} and (created_at, ${query.idColumn}) < (${at}, ${id})`
  // One more than asked for says whether there is a next page. The text varies with the filters, so it is planned for the values at hand.
  const text = `${query.select} where ${sql}${after} order by created_at desc, ${query.idColumn} desc limit ${size + 1}`
  const found = await session.run<Row>({ text, values: [...values, ...(place ?? [])] })
  const rows = found.slice(0, size)
  const last = rows.at(-1)
  return { rows, nextPageToken: found.length > size && last !== undefined ? tokenOf(last.created_at, String(last[query.idColumn])) : "" }
}

/** Conditions joined, with parameters numbered from the one behind those `before`. */
export function conjunction(conditions: readonly (Condition | undefined)[], before = 0): { sql: string; values: unknown[] } {
  const given = conditions.filter((condition) => condition !== undefined)
  return {
    sql: ["true", ...given.map(({ sql, end = "" }, index) => `${sql} $${before + index + 1}${end}`)].join(" and "),
    values: given.map(({ value }) => value),
  }
}

export const withinTenancy = (tenancy: Tenancy): Condition | undefined =>
  tenancy === "every application" ? undefined : { sql: "application_id =", value: tenancy.applicationId }

/** A filter of a request: an empty text, 0 or an absent time is none. A text is looked for as it would be stored. */
export const when = (sql: string, value: string | number | Timestamp | undefined): Condition | undefined => {
  if (value === undefined || value === "" || value === 0) return undefined
  if (typeof value === "string") return { sql, value: storable(value) }
  return { sql, value: typeof value === "object" ? timestampDate(value) : value }
}

const tokenOf = (createdAt: Date, id: string): string => Buffer.from(`${createdAt.getTime()}.${id}`).toString("base64url")

function placeOf(token: string): readonly [Date, string] | undefined {
  const [, ms, id] = /^(\d{1,14})\.([\x21-\x7e]{1,200})$/.exec(Buffer.from(token, "base64url").toString("latin1")) ?? []
  return ms === undefined || id === undefined ? undefined : [new Date(Number(ms)), id]
}
