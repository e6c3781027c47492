import { create, type JsonObject } from "@bufbuild/protobuf"
import type { Timestamp } from "@bufbuild/protobuf/wkt"
import { ActorSchema, type Actor, type AuditRecord, type ControlRecord, type DeliveryCreated, type DeliveryRequeued } from "@posthorn/proto"
import { isId } from "../ids.ts"
import { REQUEST_ID_LENGTH_MAX } from "../limits.ts"

/** Something that somebody did: a change of the configuration that took effect, what was asked for about one delivery, or what was refused. */
export interface AuditRow {
  /** The same for every copy of what tells of it. */
  readonly identity: string
  /** Place in the order of all changes of the configuration; `undefined` = it is none. */
  readonly configOffset: number | undefined
  /** Of the entity; of a refused request of what its method is about. */
  readonly kind: string
  readonly entityId: string
  readonly applicationId: string
  readonly action: "created" | "updated" | "deleted" | "retried" | "cancelled" | "refused"
  /** Of the entity after the change, the last one when it was deleted; of a delivery its round. */
  readonly version: number
  /** Empty for what is no change of the configuration. */
  readonly changeId: string
  readonly actor: Actor | undefined
  readonly changedAt: Timestamp | undefined
  /** The entity after the change, without its secrets. */
  readonly after?: JsonObject
  /** See `Command.name`; absent = none. */
  readonly command?: string
  readonly refused?: RefusedRequest
}

export interface RefusedRequest {
  readonly method: string
  readonly code: string
  readonly remoteAddress: string
  /** See `AuditRecord.left_out`. */
  readonly leftOut: number
}

/** A request that was refused. */
export function refusedDeed(record: AuditRecord): AuditRow {
  const { id, method, code, remoteAddress, leftOut, actor, refusedAt, entityId, applicationId } = record
  return {
    identity: `refused/${id}`,
    configOffset: undefined,
    kind: kindOf(method),
    entityId,
    applicationId,
    action: "refused",
    version: 0,
    changeId: "",
    actor,
    changedAt: refusedAt,
    refused: { method, code, remoteAddress, leftOut: Number(leftOut) },
  }
}

/** `posthorn.v1.DeadLetterService/ListDeadLetters` is about a `dead_letter`; what is no method of the contract is about what it is called. */
function kindOf(method: string): string {
  const [, service] = /\.(\w+)Service\//.exec(method) ?? []
  return service === undefined ? method : service.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase()
}

/** What somebody asked for by a record of `control`; nothing for what Posthorn tells itself. */
export function controlDeed({ record }: ControlRecord): AuditRow | undefined {
  if (record.case === "cancel") {
    const { delivery, round, actor, requestedAt } = record.value
    return deed("cancelled", { ...delivery, round, actor, at: requestedAt })
  }
  if (record.case === "run") {
    const { due, actor, requestedAt } = record.value
    return deed("retried", {
      deliveryId: due?.deliveryId,
      applicationId: due?.event?.applicationId,
      round: due?.round,
      actor,
      at: requestedAt,
    })
  }
  return undefined
}

/** What a task does to many deliveries is told once, by the task. */
export function requeueDeed({ delivery, round, taskId, actor, requeuedAt }: DeliveryRequeued): AuditRow | undefined {
  return taskId === "" ? deed("retried", { ...delivery, round, actor, at: requeuedAt }) : undefined
}

/** A delivery that somebody's replay of one event made; nothing for one of the router's or a task's. */
export function createdDeed({ delivery, taskId, firstDueAt }: DeliveryCreated): AuditRow | undefined {
  if (taskId === "" || isId("task", taskId)) return undefined
  return deed("retried", { ...delivery, round: 1, actor: create(ActorSchema, { id: taskId }), at: firstDueAt })
}

interface About {
  readonly deliveryId?: string | undefined
  readonly applicationId?: string | undefined
  readonly round?: number | undefined
  readonly actor: Actor | undefined
  readonly at: Timestamp | undefined
}

function deed(action: "retried" | "cancelled", about: About): AuditRow {
  const { deliveryId = "", applicationId = "", round = 1, actor, at } = about
  return {
    identity: `${action}/${deliveryId}/${round}/${actor?.requestId.slice(0, REQUEST_ID_LENGTH_MAX) ?? ""}`,
    configOffset: undefined,
    kind: "delivery",
    entityId: deliveryId,
    applicationId,
    action,
    version: round,
    changeId: "",
    actor,
    changedAt: at,
  }
}
