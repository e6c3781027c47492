import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { limits } from "@posthorn/core"
import { StoreUnavailable, type Claim, type EarlierClaim, type IdempotencyClaims } from "../status-store.ts"
import { batched } from "./batched.ts"
import { bytesColumn, integerColumn, textColumn, timeColumn } from "./column.ts"
import type { Database } from "./database.ts"

interface KeyName {
  readonly applicationId: string
  readonly key: string
}

const BOUNDS = { batchMax: limits.CLAIMS_BATCH_MAX, waitingMax: limits.CLAIMS_WAITING_MAX }
/** How often a key may vanish between being found taken and being read, before the store counts as out of order. */
const TRIES_MAX = 3

export function createClaims(database: Database): IdempotencyClaims {
  const claim = batched((claims: readonly Claim[]) => claimAll(database, claims, TRIES_MAX), BOUNDS)
  const accept = batched((names: readonly KeyName[]) => acceptAll(database, names), BOUNDS)
  return {
    claim,
    accepted: (applicationId, key) => accept({ applicationId, key }),
    async forget(applicationId, key) {
      await database.run({ name: "claims-forget", text: FORGET, values: [applicationId, key] })
    },
  }
}

async function claimAll(database: Database, claims: readonly Claim[], tries: number): Promise<readonly ("new" | EarlierClaim)[]> {
  if (tries === 0) throw new StoreUnavailable("idempotency keys come and go")
  const first = new Map<string, Claim>()
  for (const claim of claims) if (!first.has(nameOf(claim))) first.set(nameOf(claim), claim)
  const fresh = await insert(database, [...first.values()])
  const held = new Map((fresh.size === claims.length ? [] : await select(database, claims)).map((row) => [nameOf(row), row]))
  // A claim that was neither made nor found was let go by housekeeping in between.
  const gone = claims.filter((claim) => !held.has(nameOf(claim)) && !fresh.has(nameOf(claim)))
  const again = gone.length === 0 ? [] : await claimAll(database, gone, tries - 1)
  return claims.map((claim) => {
    if (fresh.has(nameOf(claim)) && first.get(nameOf(claim)) === claim) return "new"
    const row = held.get(nameOf(claim))
    if (row === undefined) return again[gone.indexOf(claim)] ?? "new"
    return {
      eventId: row.eventId,
      sameBody: row.bodyHash.equals(claim.bodyHash),
      accepted: row.accepted,
      claimedAtMs: row.claimedAt.getTime(),
      retentionHours: row.retentionHours,
    }
  })
}

async function acceptAll(database: Database, names: readonly KeyName[]): Promise<readonly undefined[]> {
  await database.run({ name: "claims-accept", text: ACCEPT, values: nameColumns(names) })
  return names.map(() => undefined)
}

/** The names of those claims that are new. */
async function insert(database: Database, claims: readonly Claim[]): Promise<ReadonlySet<string>> {
  // In one order everywhere, so that two processes with the same keys wait for each other instead of blocking each other.
  const sorted = claims.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  const rows = await database.run<{ applicationId: string; key: string }>({
    name: "claims-insert",
    text: INSERT,
    values: [
      ...nameColumns(sorted),
      textColumn(sorted.map(({ eventId }) => eventId)),
      bytesColumn(sorted.map(({ bodyHash }) => bodyHash)),
      timeColumn(sorted.map(({ claimedAtMs }) => timestampFromMs(claimedAtMs))),
      integerColumn(sorted.map(({ retentionHours = 0 }) => retentionHours)),
    ],
  })
  return new Set(rows.map(nameOf))
}

interface HeldRow extends KeyName {
  readonly eventId: string
  readonly bodyHash: Buffer
  readonly accepted: boolean
  readonly claimedAt: Date
  readonly retentionHours: number
}

const select = (database: Database, names: readonly KeyName[]): Promise<readonly HeldRow[]> =>
  database.run<HeldRow>({ name: "claims-select", text: SELECT, values: nameColumns(names) })

const nameColumns = (names: readonly KeyName[]): Buffer[] => [
  textColumn(names.map(({ applicationId }) => applicationId)),
  textColumn(names.map(({ key }) => key)),
]

const nameOf = ({ applicationId, key }: KeyName): string => `${applicationId}/${key}`

/** Takes the place of a claim whose window is over. */
const INSERT = `
  insert into posthorn.idempotency_keys as held (application_id, key, event_id, body_hash, accepted, claimed_at, retention_hours)
  select application_id, key, event_id, body_hash, false, claimed_at, retention_hours
  from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::timestamptz[], $6::integer[])
  as row (application_id, key, event_id, body_hash, claimed_at, retention_hours)
  on conflict (application_id, key) do update set
    event_id = excluded.event_id, body_hash = excluded.body_hash, accepted = false, claimed_at = excluded.claimed_at,
    retention_hours = excluded.retention_hours
  where held.claimed_at <= excluded.claimed_at - make_interval(secs => ${limits.IDEMPOTENCY_WINDOW_MS / 1000})
  returning application_id as "applicationId", key`

const SELECT = `
  select application_id as "applicationId", key, event_id as "eventId", body_hash as "bodyHash", accepted, claimed_at as "claimedAt",
    retention_hours as "retentionHours"
  from posthorn.idempotency_keys
  join unnest($1::text[], $2::text[]) as asked (application_id, key) using (application_id, key)`

const FORGET = "delete from posthorn.idempotency_keys where application_id = $1 and key = $2 and not accepted"

const ACCEPT = `
  update posthorn.idempotency_keys held
  set accepted = true
  from unnest($1::text[], $2::text[]) as asked (application_id, key)
  where held.application_id = asked.application_id and held.key = asked.key`
