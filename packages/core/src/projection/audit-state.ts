import { create, toJson, type DescEnum, type DescMessage, type JsonObject, type Message } from "@bufbuild/protobuf"
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect"
import { timestampDate } from "@bufbuild/protobuf/wkt"
import { ApplicationSchema, EventTypeSchema, KeySchema, SubscriptionSchema, TaskSchema, type SigningSecret } from "@posthorn/proto"
import type { Entity, SubscriptionEntity } from "../config/entities.ts"
import { eventTypeOf } from "../config/event-type-definition.ts"
import { AUDIT_STATE_LENGTH_MAX } from "../limits.ts"

const MASKED = "***"

/** An entity as the audit log shows it: what is not the default, enums as short words, values of headers masked, secrets as their fingerprints. */
export function auditState(entity: Entity): JsonObject {
  const state = stateOf(entity)
  const { length } = JSON.stringify(state)
  return length <= AUDIT_STATE_LENGTH_MAX ? state : { omitted: `${length} characters are more than the audit log keeps` }
}

function stateOf(entity: Entity): JsonObject {
  switch (entity.kind) {
    case "application":
      return shown(ApplicationSchema, entity.application)
    case "key":
      return shown(KeySchema, entity.key)
    case "task":
      return shown(TaskSchema, entity.task)
    case "subscription":
      return subscriptionState(entity)
    case "event type":
      return shown(EventTypeSchema, eventTypeOf(entity))
  }
}

function subscriptionState({ subscription, secrets, sourceSecret, sourceSecretFingerprint }: SubscriptionEntity): JsonObject {
  const headers = Object.fromEntries(Object.keys(subscription.headers).map((name) => [name, MASKED]))
  const { secret: _, source, ...state } = shown(SubscriptionSchema, create(SubscriptionSchema, { ...subscription, headers }))
  const { secret: __, ...sourceState } = (source ?? {}) as JsonObject
  const sourceSecretShown = sourceSecret === "" ? {} : { secret: sourceSecretFingerprint || MASKED }
  return {
    ...state,
    ...(secrets.length === 0 ? {} : { secrets: secrets.map(secretState) }),
    ...(source === undefined ? {} : { source: { ...sourceState, ...sourceSecretShown } }),
  }
}

const secretState = ({ fingerprint, expiresAt }: SigningSecret): JsonObject => ({
  fingerprint: fingerprint || MASKED,
  ...(expiresAt === undefined ? {} : { expiresAt: timestampDate(expiresAt).toISOString() }),
})

function shown(desc: DescMessage, message: Message): JsonObject {
  const json = toJson(desc, message) as JsonObject
  shortenWords(reflect(desc, message), json)
  return json
}

/** Enums as everything else writes them: `viewer`, not `ROLE_VIEWER`. */
function shortenWords(message: ReflectMessage, json: JsonObject): void {
  for (const field of message.fields) {
    const value = json[field.jsonName]
    if (field.fieldKind === "enum" && typeof value === "string") json[field.jsonName] = wordOf(field.enum, value)
    else if (field.fieldKind === "message" && isOurs(field.message) && value !== undefined)
      shortenWords(message.get(field), value as JsonObject)
  }
}

const wordOf = ({ sharedPrefix = "" }: DescEnum, name: string): string => name.slice(sharedPrefix.length).toLowerCase()

const isOurs = ({ typeName }: DescMessage): boolean => typeName.startsWith("posthorn.")
