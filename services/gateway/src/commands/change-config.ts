import { randomUUID } from "node:crypto"
import { isRefusal, superseded, type ChangeContext, type Entity, type Refusal } from "@posthorn/core"
import type { ConfigChanged } from "@posthorn/proto"
import type { Call } from "../call.ts"
import type { CommandContext } from "./command-context.ts"

/**
 * Decides by today's table, appends the decision and waits until this gateway has read it back. `done`: the table shows it, or nothing
 * had to change. A change that lost a race is refused, never tried again: the caller decided by what is not so any more.
 * Rejects with `LogUnavailable`.
 */
export async function changeConfig(
  context: CommandContext,
  call: Call,
  decide: (change: ChangeContext) => ConfigChanged | Refusal | undefined,
): Promise<"done" | Refusal> {
  const actor = { id: call.caller.keyId, requestId: call.requestId }
  const decided = decide({ changeId: randomUUID(), nowMs: context.nowMs(), actor })
  if (decided === undefined) return "done"
  if (isRefusal(decided)) return decided
  return (await context.config.propose(decided)) ? "done" : superseded(kindOf(decided))
}

function kindOf({ state }: ConfigChanged): Entity["kind"] {
  const kind = state.case === "deleted" ? state.value.kind : state.case
  return kind === "application" || kind === "key" || kind === "task" ? kind : "subscription"
}
