import { isRefusal, noSuch, type Refusal } from "@posthorn/core"
import { Role } from "@posthorn/proto"
import type { Access, Caller } from "../call.ts"

/** Whose deeds the audit log says those of a caller without a key are. */
const KEYLESS_ID = "keyless"

/**
 * Finds out who calls, at the address by which they come in. Where it leads to one application, the operator acts within that one, and the key of another
 * is answered as if there were none.
 */
export const createAdmit =
  (authenticate: (authorization: string | undefined) => Promise<Caller | Refusal>): Access["authenticate"] =>
  async (authorization, doorway) => {
    if (doorway?.keyless) return { role: Role.ADMIN, applicationId: doorway.applicationId, keyId: KEYLESS_ID }
    const caller = await authenticate(authorization)
    if (isRefusal(caller) || doorway === undefined) return caller
    const { applicationId } = doorway
    return caller.applicationId === undefined || caller.applicationId === applicationId
      ? { ...caller, applicationId }
      : noSuch("application")
  }
