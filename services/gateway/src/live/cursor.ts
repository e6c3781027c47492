import { SecretUnreadable, type SecretBox } from "@posthorn/runtime"

/** How far somebody has seen a topic. */
export interface Cursor {
  /** Unix milliseconds at which it was answered. */
  readonly atMs: number
  /** The next offset to see, by partition. */
  readonly positions: readonly number[]
}

const PLACE = ["live", "attempts"]

/** A cursor as its holder keeps it. Sealed: offsets would tell an application how much the others send, and nobody can make one up. */
export function writeCursor(box: SecretBox, { atMs, positions }: Cursor): string {
  return Buffer.from(box.seal(JSON.stringify([atMs, ...positions]), PLACE)).toString("base64url")
}

/** `undefined` for what is none of ours, or was sealed with a key that is gone. */
export function readCursor(box: SecretBox, text: string): Cursor | undefined {
  try {
    const [atMs = 0, ...positions] = JSON.parse(box.open(Buffer.from(text, "base64url").toString(), PLACE)) as readonly number[]
    return { atMs, positions }
  } catch (error) {
    if (error instanceof SecretUnreadable) return undefined
    throw error
  }
}
