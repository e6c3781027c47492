import { create } from "@bufbuild/protobuf"
import { limits } from "@posthorn/core"
import { KeySchema, type Key } from "@posthorn/proto"
import { StoreUnavailable } from "@posthorn/store"
import type { RpcContext } from "../rpc-context.ts"

/** Keys with when they were last used, or as they are while the store is away or slow. The table's own messages stay as they are. */
export async function withLastUse({ reader, pause }: Pick<RpcContext, "reader" | "pause">, keys: readonly Key[]): Promise<Key[]> {
  const found = reader.lastUses(keys.map(({ id }) => id)).catch((error: unknown) => {
    if (error instanceof StoreUnavailable) return undefined
    throw error
  })
  const uses = await Promise.race([found, pause(limits.LAST_USE_READ_MS).then(() => undefined)])
  return keys.map((key) => {
    const lastUsedAt = uses?.get(key.id)
    return lastUsedAt === undefined ? key : create(KeySchema, { ...key, lastUsedAt })
  })
}
