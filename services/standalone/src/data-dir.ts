import { randomBytes } from "node:crypto"
import { chmod, mkdir, open, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"

export interface Generated {
  readonly text: string
  /** Whether it was made just now. */
  readonly fresh: boolean
}

/** Makes the folder, for its owner alone. */
export async function openDataDir(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  await chmod(path, 0o700)
}

/** The text of a file in the folder; made by `make` when there is none. For the owner's eyes alone. */
export async function generated(dataDir: string, name: string, make: () => string): Promise<Generated> {
  const path = join(dataDir, name)
  try {
    const file = await open(path, "wx", 0o600)
    const text = make()
    await file.writeFile(`${text}\n`)
    await file.close()
    return { text, fresh: true }
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
    return { text: (await readFile(path, "utf8")).trim(), fresh: false }
  }
}

export const makeAdminKey = (): string => `ph_admin_${randomBytes(32).toString("hex")}`
export const makeEncryptionKeys = (): string => `k1:${randomBytes(32).toString("base64")}`

/** Remembers something small between two starts; unreadable counts as not there. */
export async function recall<T>(dataDir: string, name: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(join(dataDir, name), "utf8")) as T
  } catch {
    // The first start, or somebody tidied up: it is made again.
    return undefined
  }
}

export async function remember(dataDir: string, name: string, value: unknown): Promise<void> {
  await writeFile(join(dataDir, name), `${JSON.stringify(value)}\n`, { mode: 0o600 })
}
