import { refuse, type Refusal } from "@posthorn/core"
import { Role } from "@posthorn/proto"
import type { Caller } from "../call.ts"

/** Who may call a method by the role that it asks for. Publishing is for senders and for those who manage, not for those who read. */
const ALLOWED: ReadonlyMap<Role, readonly Role[]> = new Map([
  [Role.OPERATOR, [Role.OPERATOR]],
  [Role.ADMIN, [Role.OPERATOR, Role.ADMIN]],
  [Role.VIEWER, [Role.OPERATOR, Role.ADMIN, Role.VIEWER]],
  [Role.SENDER, [Role.OPERATOR, Role.ADMIN, Role.SENDER]],
])

/** A role that is not known may nothing, and a method that asks for none is open to nobody. */
export function authorize(required: Role, caller: Caller): Refusal | undefined {
  if (ALLOWED.get(required)?.includes(caller.role)) return undefined
  return refuse("permission_denied", "The API key does not have the role that this needs.")
}
