import { limits, TOPIC_FACTS } from "@posthorn/core"
import type { StatusKeeper } from "../status-store.ts"
import type { Database } from "./database.ts"
import { endOfDay, nameOf, type Days } from "./days.ts"
import { letGo, letGoOfDay, type Fate } from "./let-go.ts"

const HOUR_MS = 3600 * 1000

export function createKeeper(database: Database, days: Days): StatusKeeper {
  return {
    async retain({ nowMs, retentionHours }) {
      const fates: Record<Fate, string[]> = { dropped: [], held: [], kept: [], locked: [] }
      for (const each of await days.list()) {
        const overdueMs = nowMs - endOfDay(each.day) - (each.retentionHours || retentionHours) * HOUR_MS
        if (overdueMs < 0) continue
        const fate = await letGo(database, each, { evenOnTheirWay: overdueMs > limits.RETENTION_HELD_MS_MAX })
        fates[fate].push(nameOf(each))
      }
      for (const day of await days.listEmpty()) await letGoOfDay(database, day)
      days.forget()
      const deadBeforeMs = nowMs - (TOPIC_FACTS["dead-letters"].retentionMs ?? Infinity)
      const deadLetters = await deleteOld(database, DELETE_DEAD_LETTERS, deadBeforeMs)
      await deleteOld(database, DELETE_SETTLEMENTS, deadBeforeMs)
      await deleteOld(database, DELETE_HEALTH, deadBeforeMs)
      await deleteOld(database, DELETE_REFUSALS, nowMs - (TOPIC_FACTS.audit.retentionMs ?? Infinity))
      const claims = await deleteOld(database, DELETE_CLAIMS, nowMs - limits.IDEMPOTENCY_WINDOW_MS)
      return { ...fates, deadLetters, claims }
    },
  }
}

/** Deletes in bounded statements, and not for ever: what is left waits for the next round. */
async function deleteOld(database: Database, { name, text }: { name: string; text: string }, beforeMs: number): Promise<number> {
  let total = 0
  for (let statements = 0; statements < limits.RETENTION_STATEMENTS_MAX; statements++) {
    const count = await database.count({ name, text, values: [new Date(beforeMs), limits.RETENTION_ROWS_MAX] })
    total += count
    if (count < limits.RETENTION_ROWS_MAX) break
  }
  return total
}

const DELETE_DEAD_LETTERS = {
  name: "dead-letters-delete-old",
  text: `
    delete from posthorn.dead_letters
    where identity = any (array(select identity from posthorn.dead_letters where created_at < $1 order by created_at limit $2))`,
}

/** No sooner than the letter, which was there first. */
const DELETE_SETTLEMENTS = {
  name: "dead-letter-settlements-delete-old",
  text: `
    delete from posthorn.dead_letter_settlements
    where identity = any (array(select identity from posthorn.dead_letter_settlements where settled_at < $1 order by settled_at limit $2))`,
}

/** Of subscriptions that are gone for good: a late attempt may tell of one after it was deleted. */
const DELETE_HEALTH = {
  name: "subscription-health-delete-old",
  text: `
    delete from posthorn.subscription_health
    where subscription_id = any (array(
      select subscription_id from posthorn.subscription_health h
      where (since is null or since < $1) and not exists (select from posthorn.subscriptions where id = h.subscription_id)
      limit $2))`,
}

/** As long as the log has them. */
const DELETE_REFUSALS = {
  name: "audit-log-delete-refused",
  text: `
    delete from posthorn.audit_log
    where identity = any (array(select identity from posthorn.audit_log where outcome = 'refused' and changed_at < $1 order by changed_at limit $2))`,
}

const DELETE_CLAIMS = {
  name: "claims-delete-old",
  text: `
    delete from posthorn.idempotency_keys
    where ctid = any (array(select ctid from posthorn.idempotency_keys where claimed_at < $1 order by claimed_at limit $2 for update skip locked))`,
}
