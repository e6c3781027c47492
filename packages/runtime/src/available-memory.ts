import { totalmem } from "node:os"

/** Memory that this process may use: what its container allows, or all that the machine has. */
export function availableMemoryBytes(): number {
  const allowed = process.constrainedMemory()
  return allowed > 0 ? Math.min(allowed, totalmem()) : totalmem()
}
