import { readFile } from "node:fs/promises"
import { userInfo } from "node:os"

/** Whom the server runs as. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/** Accounts that root gives the server to, best first: it refuses to run as root. Every system has the second one. */
const NAMES = ["postgres", "nobody"]

/** The account to run the server under; `undefined` = our own, which is right for everybody but root. */
export async function serverAccount(): Promise<Account | undefined> {
  if (userInfo().uid !== 0) return undefined
  const accounts = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"))
  for (const name of NAMES) {
    const [, , uid, gid] = accounts.find(([first]) => first === name) ?? []
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error(`the embedded database cannot run as root, and there is no account ${NAMES.join(" or ")} for it`)
}
