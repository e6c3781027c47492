import type { Session } from "../database.ts"

interface Grant {
  readonly statement: string
  readonly table: string | null
  readonly byRow: boolean
}

/**
 * Gives those who may use the live view's tables the same rights to the new ones. Tables with policies are left out, because without those
 * policies somebody would see more than before: answers a note for each of them.
 */
export async function takeGrants(session: Session, shadow: string): Promise<readonly string[]> {
  const grants = await session.run<Grant>({ text: GRANTS, values: [shadow] })
  for (const { statement, byRow } of grants) if (!byRow) await session.run({ text: statement, values: [] })
  const protectedTables = new Set(grants.flatMap(({ table, byRow }) => (byRow && table !== null ? [table] : [])))
  return [...protectedTables].map((table) => `${table} has row policies, which are not taken over, and so its grants are not either`)
}

const GRANTS = `
  select format('grant %s on %s to %s%s', privilege_type, target,
      case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end, case when is_grantable then ' with grant option' else '' end
    ) as statement, "table", "byRow"
  from (
    select format('schema %I', $1::text) as target, null as "table", false as "byRow", nspowner as owner, nspacl as acl
    from pg_namespace where nspname = 'posthorn'
    union all
    select format('table %I.%I', $1::text, relname), relname, relrowsecurity, relowner, relacl
    from pg_class live
    where relnamespace = 'posthorn'::regnamespace and relkind in ('r', 'p') and not relispartition
      and exists (select from pg_class made where made.relnamespace = to_regnamespace($1::text) and made.relname = live.relname)
  ) of_live, aclexplode(acl)
  where grantee <> owner`
