import type { StatusReader } from "@posthorn/store"
import type { CommandContext } from "../commands/command-context.ts"

/** What the handlers work with. */
export interface RpcContext extends CommandContext {
  readonly reader: StatusReader
}
