import { isRefusal, type ChangeContext, type Refusal } from "@posthorn/core"
import type { ConfigChanged } from "@posthorn/proto"
import type { Call } from "../call.ts"
import { changeConfig, type ConfigDone } from "./change-config.ts"
import type { CommandContext } from "./command-context.ts"

/** A task that runs says now and then how far it is. */
const TRIES = 5

/** As `changeConfig`, also when the task says at the same moment how far it is: that is nothing that the caller decided by. */
export async function changeTask(
  context: CommandContext,
  call: Call,
  decide: (change: ChangeContext) => ConfigChanged | Refusal | undefined,
): Promise<ConfigDone | Refusal> {
  let done = await changeConfig(context, call, decide)
  for (let tries = 1; tries < TRIES && isRefusal(done) && done.code === "aborted"; tries++) done = await changeConfig(context, call, decide)
  return done
}
