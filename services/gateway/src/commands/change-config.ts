import { randomUUID } from "node:crypto"
import { isRefusal, superseded, type ChangeContext, type CommandDone, type Entity, type Refusal } from "@posthorn/core"
import type { ConfigChanged } from "@posthorn/proto"
import type { Call } from "../call.ts"
import type { CommandContext } from "./command-context.ts"
import { commandOf, earlierOf } from "./keyed.ts"

/** A change that has been carried out: the table shows it, or shows what has become of it since. */
export interface ConfigDone {
  /** What was changed; `undefined` = nothing had to be. */
  readonly entityId: string | undefined
  /** Whether that was done when the request came before, with the same idempotency key: what is shown once has been shown. */
  readonly repeated: boolean
}

/**
 * Decides by today's table, appends the decision and waits until this gateway has read it back. A change that lost a race is refused, never
 * tried again: the caller decided by what is not so any more. A request with an idempotency key changes one thing, once: see `forItem` for those
 * that change several. Not remembered is a request that was refused, and one that had nothing to change.
 * Rejects with `LogUnavailable`.
 */
export async function changeConfig(
  context: CommandContext,
  call: Call,
  decide: (change: ChangeContext) => ConfigChanged | Refusal | undefined,
): Promise<ConfigDone | Refusal> {
  const earlier = earlierOf(context, call)
  if (earlier !== undefined) return doneBefore(earlier)
  const actor = { id: call.caller.keyId, requestId: call.requestId }
  const decided = decide({ changeId: randomUUID(), nowMs: context.nowMs(), actor })
  if (decided === undefined) return { entityId: undefined, repeated: false }
  if (isRefusal(decided)) return decided
  const command = commandOf(context, call)
  if (command !== undefined) decided.command = command
  if (await context.config.propose(decided)) return { entityId: decided.entityId, repeated: false }
  // Lost against itself: sent twice at the same time, here or at two gateways.
  const winner = earlierOf(context, call)
  return winner === undefined ? superseded(kindOf(decided)) : doneBefore(winner)
}

const doneBefore = (earlier: CommandDone | Refusal): ConfigDone | Refusal =>
  isRefusal(earlier) ? earlier : { entityId: earlier.entityId, repeated: true }

function kindOf({ state }: ConfigChanged): Entity["kind"] {
  const kind = state.case === "deleted" ? state.value.kind : state.case
  if (kind === "eventType" || kind === "event type") return "event type"
  return kind === "application" || kind === "key" || kind === "task" ? kind : "subscription"
}
