import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { ConfigChangedSchema, type ConfigChanged } from "@posthorn/proto"
import { refuse, type Refusal } from "../refusal.ts"
import type { Entity } from "./entities.ts"

/** What every change carries besides the change. */
export interface ChangeContext {
  /** Unlike every other change's. */
  readonly changeId: string
  readonly nowMs: number
  /** See `posthorn.log.v1.Actor`. */
  readonly actor: { readonly id: string; readonly requestId: string }
}

/** A change of an entity of that version (0 = of one that is to be made). */
export interface Change {
  readonly entityId: string
  readonly version: number
  readonly state: ConfigChanged["state"]
}

export function changed({ entityId, version, state }: Change, context: ChangeContext): ConfigChanged {
  const { changeId, nowMs, actor } = context
  return create(ConfigChangedSchema, {
    entityId,
    expectedVersion: BigInt(version),
    changeId,
    changedAt: timestampFromMs(nowMs),
    actor,
    state,
  })
}

/** The etag of an entity of that version. */
export const etagOf = (version: number): string => String(version)

/** Refuses a change of what the caller has not seen; an empty etag is any. */
export function judgeEtag(entity: Entity, etag: string): Refusal | undefined {
  return etag === "" || etag === etagOf(entity.version) ? undefined : superseded(entity.kind)
}

/** The entity changed since the caller read it, or while this change was under way. */
export const superseded = (kind: Entity["kind"]): Refusal =>
  refuse("aborted", `The ${kind} has been changed by somebody else: read it again and repeat the change.`)

/** One text for what does not exist and for what belongs to somebody else. */
export const noSuch = (what: Entity["kind"] | "event" | "delivery"): Refusal => refuse("not_found", `There is no such ${what}.`)
