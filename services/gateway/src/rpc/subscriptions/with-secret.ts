import { create } from "@bufbuild/protobuf"
import { SubscriptionSchema, type Subscription } from "@posthorn/proto"

/** The subscription with the secret that was made for it, for the one answer that shows it. The table's own message stays as it is. */
export function withSecret(subscription: Subscription, secret: string | undefined): Subscription {
  return secret === undefined ? subscription : create(SubscriptionSchema, { ...subscription, secret })
}
