import { create } from "@bufbuild/protobuf"
import { ApplicationSchema, KeySchema, SubscriptionSchema, TaskProgress, TaskSchema, type ConfigChanged } from "@posthorn/proto"
import { ConfigTable } from "../config/config-table.ts"
import { applicationIdOf, idOf, type Entity } from "../config/entities.ts"
import { evolve } from "../config/evolve.ts"
import type { AuditRow } from "./audit-row.ts"
import { auditState } from "./audit-state.ts"

/** What decides whether a change of an entity takes effect: the entity, or a command that has been carried out at the offset `version`. */
export interface KnownEntity {
  readonly kind: Entity["kind"] | "command"
  readonly id: string
  readonly applicationId: string
  readonly version: number
}

export interface ConfigRows {
  /** Ids that are gone; what an application owned goes with it. Applied before `put`. */
  readonly removed: readonly string[]
  /** Entities as last changed. */
  readonly put: readonly Entity[]
  readonly audit: readonly AuditRow[]
}

/** Ids whose entities decide about these changes: what `foldConfig` has to know. */
export function idsNamedBy(changes: readonly ConfigChanged[]): string[] {
  const ids = new Set<string>()
  for (const { entityId, state, command } of changes) {
    ids.add(entityId)
    if (command) ids.add(command.name)
    if (state.case === "key" && state.value.key) ids.add(state.value.key.applicationId)
    if (state.case === "task" && state.value.task) ids.add(state.value.task.applicationId)
    if (state.case === "subscription" && state.value.subscription) ids.add(state.value.subscription.applicationId)
    if (state.case === "eventType" && state.value.eventType) ids.add(state.value.eventType.applicationId)
  }
  return [...ids]
}

/**
 * What changes make of the configuration's rows, by the rule that every reader of `config` follows. It looks at the named entities and their
 * applications alone, so a table of those gives the same answer as a table of everything, and a million subscriptions need no memory here.
 */
export function foldConfig(
  changes: readonly { readonly offset: number; readonly change: ConfigChanged }[],
  known: readonly KnownEntity[],
): ConfigRows {
  const table = new ConfigTable()
  for (const entity of known.toSorted((a, b) => rank(a) - rank(b))) putStub(table, entity)
  const last = new Map<string, Entity | undefined>()
  const removed = new Set<string>()
  const audit: AuditRow[] = []
  for (const { offset, change } of changes) {
    const { changeId, actor, changedAt, command } = change
    for (const { before, after } of evolve(table, change, offset)) {
      const entity = after ?? before
      if (entity === undefined) continue
      const id = idOf(entity)
      last.set(id, after)
      if (after === undefined) removed.add(id)
      if (id !== change.entityId || isProgress(change)) continue
      const action = after === undefined ? "deleted" : before === undefined ? "created" : "updated"
      const what = {
        kind: entity.kind.replace(" ", "_"),
        entityId: id,
        applicationId: applicationIdOf(entity),
        action,
        version: entity.version,
      } as const
      const more = {
        ...(after === undefined ? {} : { after: auditState(after) }),
        ...(command === undefined ? {} : { command: command.name }),
      }
      audit.push({ identity: `config/${offset}`, configOffset: offset, ...what, changeId, actor, changedAt, ...more })
    }
  }
  return { removed: [...removed], put: [...last.values()].filter((entity) => entity !== undefined), audit }
}

/** What a task says of how far it is: nobody decided that. */
const isProgress = ({ actor, entityId, state }: ConfigChanged): boolean =>
  state.case === "task" && actor?.id === entityId && state.value.task?.state !== TaskProgress.DONE

/** An application has to be there before what it owns. */
const rank = ({ kind }: KnownEntity): number => (kind === "application" ? 0 : 1)

function putStub(table: ConfigTable, known: KnownEntity): void {
  const { kind, id, version } = known
  if (kind === "command") table.commands.note({ name: id, content: "", entityId: "", offset: version, atMs: 0 })
  else table.put(stub({ ...known, kind }))
}

function stub({ kind, id, applicationId, version }: KnownEntity & { readonly kind: Entity["kind"] }): Entity {
  switch (kind) {
    case "application":
      return { kind, version, application: create(ApplicationSchema, { id }) }
    case "key":
      return { kind, version, key: create(KeySchema, { id, applicationId }), tokenHash: "" }
    case "subscription":
      return {
        kind,
        version,
        subscription: create(SubscriptionSchema, { id, applicationId }),
        secrets: [],
        sourceSecret: "",
        sourceSecretFingerprint: "",
        voidBefore: 0,
      }
    case "task":
      return { kind, version, task: create(TaskSchema, { id, applicationId }) }
    case "event type":
      return { kind, version, applicationId, name: id.slice(applicationId.length + 1), definition: new Uint8Array() }
  }
}
