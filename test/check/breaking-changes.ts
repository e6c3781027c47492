import { type Check, execute } from "./command.ts"

/** The contracts still read and write what they did: compared with where this branch left `main`, or on `main` with the commit before. */
export const breakingChanges: Check = {
  name: "breaking changes of proto",
  run: async () => {
    const base = await baseCommit()
    if (base === undefined) return { kind: "skipped", reason: "no earlier commit to compare the contracts with" }
    const { exitCode, output } = await execute(["buf", "breaking", "--against", `.git#ref=${base}`])
    return exitCode === 0 ? { kind: "ok" } : { kind: "failed", output }
  },
}

async function baseCommit(): Promise<string | undefined> {
  const head = await objectOf(["rev-parse", "HEAD"])
  const branchedAt = await objectOf(["merge-base", "HEAD", "main"])
  const base = branchedAt !== undefined && branchedAt !== head ? branchedAt : await objectOf(["rev-parse", "HEAD^1"])
  const hadContracts = base !== undefined && (await objectOf(["rev-parse", `${base}:buf.yaml`])) !== undefined
  return hadContracts ? base : undefined
}

/** The object that git answers; `undefined` when there is none, as in a shallow clone or outside a repository. */
async function objectOf(args: readonly string[]): Promise<string | undefined> {
  const { exitCode, output } = await execute(["git", ...args])
  const object = output.trim()
  return exitCode === 0 && /^[0-9a-f]{40,64}$/.test(object) ? object : undefined
}
