import type { DeliveryDue } from "@posthorn/proto"
import type { SubscriptionEntity } from "../config/entities.ts"
import { REASONS } from "./decide.ts"

/** What may be done with a try as far as its subscription is concerned. */
export type Permission = { readonly kind: "send" } | { readonly kind: "park" } | { readonly kind: "cancel"; readonly reason: string }

const SEND: Permission = { kind: "send" }
const PARK: Permission = { kind: "park" }
const DISABLED: Permission = { kind: "cancel", reason: REASONS.disabled }
const DELETED: Permission = { kind: "cancel", reason: REASONS.deleted }

/** A subscription that says nothing is enabled. */
export const isEnabled = ({ subscription }: SubscriptionEntity): boolean => subscription.enabled ?? true

/** How far whoever began this round had read `config`. */
export const positionOf = ({ round, configPosition, event }: DeliveryDue): bigint =>
  round > 1 || configPosition > 0n ? configPosition : (event?.configPosition ?? 0n)

/** What may be done with a try now. */
export const permissionOf = (due: DeliveryDue, entity: SubscriptionEntity | undefined): Permission => permissionAt(positionOf(due), entity)

/**
 * The same, of a round that began at this position. A round that began before its subscription was last disabled is over, even if it is
 * enabled again: whatever raced, everybody who looks comes to the same answer, because the two are told apart by the order of `config`, and not by clocks.
 */
export function permissionAt(position: bigint, entity: SubscriptionEntity | undefined): Permission {
  if (entity === undefined) return DELETED
  const { voidBefore } = entity
  if (!isEnabled(entity) || (voidBefore > 0 && position < BigInt(voidBefore))) return DISABLED
  return entity.subscription.paused ? PARK : SEND
}
