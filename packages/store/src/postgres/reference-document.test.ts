import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { startEmbeddedPostgres } from "../embedded/embedded-postgres.ts"
import { Database } from "./database.ts"

/** Ours alone: how the projection and the gateway keep their own affairs. */
const PRIVATE = new Set([
  "conservation_check",
  "conservation_hours",
  "unmatched_events",
  "migrations",
  "projector_offset",
  "idempotency_keys",
  "dead_letter_settlements",
  "delivery_counts",
])

test("docs/reference/postgres.md has every table and column that people may query, and no other", { timeout: 60_000 }, async () => {
  const text = await readFile(new URL("../../../../docs/reference/postgres.md", import.meta.url), "utf8")
  const documented = text
    .split("\n## ")
    .slice(1)
    .flatMap((section) => {
      const table = section.split("\n")[0] ?? ""
      return [...section.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, column]) => `${table}.${column}`)
    })
  const dataDir = await mkdtemp(join(tmpdir(), "posthorn-reference-"))
  const server = await startEmbeddedPostgres({ dataDir })
  const database = new Database({ url: server.url, connections: 1 })
  try {
    const columns = await database.run<{ table_name: string; column_name: string }>({
      text: "select table_name, column_name from information_schema.columns where table_schema = 'posthorn'",
      values: [],
    })
    const actual = columns
      .filter(({ table_name }) => !PRIVATE.has(table_name))
      .map(({ table_name, column_name }) => `${table_name}.${column_name}`)
    expect(documented.toSorted()).toEqual(actual.toSorted())
  } finally {
    await database.close()
    await server.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
})
