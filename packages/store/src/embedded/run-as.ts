import { stat } from "node:fs/promises"
import { dirname } from "node:path"
import type { Account } from "./server-account.ts"

/** A program as it is to be spawned. */
export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly identity: { readonly uid?: number; readonly gid?: number }
}

export interface Run {
  readonly account: Account | undefined
  readonly program: string
  readonly args: readonly string[]
  /** Folders that the program must be able to enter. */
  readonly enters: readonly string[]
}

/**
 * How to run a program under an account. A folder that the account may not enter, because one above it is for root alone (root's home, a
 * temporary folder), is entered with the one capability that lets it, which only root can hand down and only `setpriv` (util-linux) can
 * for another program. Whoever may enter gets no capability.
 */
export async function runAs({ account, program, args, enters }: Run): Promise<Command> {
  if (account === undefined) return { file: program, args, identity: {} }
  const reachable = await Promise.all([dirname(program), ...enters].map((folder) => mayEnter(account, folder)))
  const { uid, gid } = account
  if (!reachable.includes(false)) return { file: program, args, identity: { uid, gid } }
  const capability = ["--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"]
  return {
    file: "setpriv",
    args: ["--reuid", String(uid), "--regid", String(gid), "--clear-groups", ...capability, program, ...args],
    identity: {},
  }
}

async function mayEnter(account: Account, folder: string): Promise<boolean> {
  const { mode, uid, gid } = await stat(folder)
  const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001
  const parent = dirname(folder)
  return (mode & bit) !== 0 && (parent === folder || mayEnter(account, parent))
}
