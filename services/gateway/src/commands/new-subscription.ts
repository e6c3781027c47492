import { decideCreateSubscription, isRefusal, noSuch, type Refusal } from "@posthorn/core"
import type { Subscription } from "@posthorn/proto"
import type { Call } from "../call.ts"
import { withSecret } from "../rpc/subscriptions/with-secret.ts"
import { changeConfig } from "./change-config.ts"
import type { CommandContext } from "./command-context.ts"
import { sealSecrets } from "./seal-secrets.ts"

export interface WantedSubscription {
  /** The caller's. */
  readonly applicationId: string
  readonly subscription: Subscription
}

/** Makes a subscription, and answers it with its secret if that was generated just now. Rejects with `LogUnavailable`. */
export async function newSubscription(
  context: CommandContext,
  call: Call,
  { applicationId, subscription }: WantedSubscription,
): Promise<Subscription | Refusal> {
  const { table } = context.config
  const id = context.newId("subscription")
  const { generated, ...sealed } = sealSecrets(context.box, { id, applicationId, subscription, paths: [] })
  const command = { id, applicationId, subscription, judgeUrl: context.judgeUrl, ...sealed }
  const done = await changeConfig(context, call, (change) => decideCreateSubscription(table, command, change))
  if (isRefusal(done)) return done
  const made = table.subscription(done.entityId ?? id)?.subscription
  if (made === undefined) return noSuch("subscription")
  return done.repeated ? made : withSecret(made, generated)
}
