import { spawn, type ChildProcess } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startEmbeddedClickHouse } from "@posthorn/analytics/embedded"
import { startEmbeddedPostgres } from "@posthorn/store/embedded"
import { eventually, freePort } from "@posthorn/testkit"

const START = join(import.meta.dirname, "../../services/start.ts")

/** Posthorn as a user runs it: processes that know nothing but their environment. */
export interface Installation {
  readonly httpUrl: string
  readonly grpcUrl: string
  readonly adminKey: string
  /** For SQL on the status views. */
  readonly postgresUrl: string
  readonly clickhouseUrl: string | undefined
  /** `undefined` when the log is in Postgres. */
  readonly kafka: { readonly brokers: readonly string[]; readonly prefix: string } | undefined
  /** The folder that the processes were started for; of standalone, `.posthorn` is in it. */
  readonly directory: string
  /** Everything that the processes wrote. */
  output(): string
  /** Kills a service with SIGKILL and starts it again. Only where it is a process of its own. */
  crash?(service: ServiceName): Promise<void>
  stop(): Promise<void>
}

/** The three services, whose processes can be disturbed one by one, and so can their stores. */
export interface Services extends Installation {
  /** Where a process serves `/health` and `/metrics`. */
  urlOf(service: ServiceName): string
  crash(service: ServiceName): Promise<void>
  /** Ends a process with SIGKILL and leaves it away. */
  kill(service: ServiceName): Promise<void>
  /** Ends a process with SIGTERM and leaves it away. Rejects unless it ends with 0. */
  retire(service: ServiceName): Promise<void>
  /** Starts a process that is away, also one that never was there, and resolves once it is ready. */
  start(service: ServiceName): Promise<void>
  /** Freezes a process with its connections open, or lets it go on. */
  signal(service: ServiceName, signal: "SIGSTOP" | "SIGCONT"): void
  /** Data and address outlive stops. */
  readonly postgres: { stop(): Promise<void>; crash(): Promise<void>; start(): Promise<void> }
  /** It is started again by itself, later each time. */
  readonly clickhouse: { crash(): void }
  /** How many processes of all of these were ended with SIGKILL. */
  kills(): number
}

type Numbered = "delivery" | "projector"
/** More than one process of a service are numbered from 2 on. */
export type ServiceName = "gateway" | Numbered | `${Numbered}-${number}`

interface Running {
  readonly child: ChildProcess
  output: string
}

function run(role: string, env: Readonly<Record<string, string>>, options: readonly string[] = []): Running {
  const child = spawn(process.execPath, [...options, START, role], {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  const running: Running = { child, output: "" }
  child.stdout?.on("data", (part: Buffer) => void (running.output += part.toString()))
  child.stderr?.on("data", (part: Buffer) => void (running.output += part.toString()))
  return running
}

async function end({ child }: Running, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const exit = once(child, "exit") as Promise<[number | null]>
  child.kill(signal)
  return (await exit)[0]
}

async function ready(url: string, running: Running): Promise<void> {
  await eventually(
    async () => {
      if (running.child.exitCode !== null) throw new Error(`ended with ${running.child.exitCode}: ${running.output}`)
      return (await fetch(`${url}/readyz`)).ok
    },
    { timeoutMs: 60_000, intervalMs: 50, what: `${url}/readyz` },
  )
}

/** One process on embedded parts, started with these options of Node. */
export async function startStandalone(options: readonly string[] = []): Promise<Installation> {
  const directory = await mkdtemp(join(tmpdir(), "posthorn-e2e-"))
  const dataDir = join(directory, ".posthorn")
  const [http, grpc] = [await freePort(), await freePort()]
  const running = run(
    "standalone",
    {
      POSTHORN_DATA_DIR: dataDir,
      POSTHORN_HTTP_PORT: `${http}`,
      POSTHORN_GRPC_PORT: `${grpc}`,
      LOG_LEVEL: "debug",
    },
    options,
  )
  const httpUrl = `http://127.0.0.1:${http}`
  await ready(httpUrl, running)
  await eventually(() => running.output.includes("Posthorn is ready"), { timeoutMs: 20_000, what: "the welcome" })
  const password = (await readFile(join(dataDir, "postgres/password"), "utf8")).trim()
  const port = (await readFile(join(dataDir, "postgres/cluster/postmaster.pid"), "utf8")).split("\n")[3]
  return {
    httpUrl,
    grpcUrl: `http://127.0.0.1:${grpc}`,
    adminKey: (await readFile(join(dataDir, "admin-key"), "utf8")).trim(),
    postgresUrl: `postgres://posthorn:${password}@127.0.0.1:${port}/postgres`,
    clickhouseUrl: undefined,
    kafka: undefined,
    directory,
    output: () => running.output,
    async stop() {
      const code = await end(running, "SIGTERM")
      await rm(directory, { recursive: true, force: true })
      if (code !== 0) throw new Error(`standalone ended with ${code}: ${running.output.slice(-2000)}`)
    },
  }
}

export interface ServicesOptions {
  /** Processes besides one of each service. */
  readonly also?: readonly ServiceName[]
  /** Opens a way to a port and answers the port that it begins at: the services reach Postgres and ClickHouse by it. */
  readonly wayTo?: (port: number) => Promise<number>
}

/** The three services as processes of their own, on Kafka, a Postgres server and a ClickHouse server. */
export async function startServices(brokers: readonly string[], { also = [], wayTo }: ServicesOptions = {}): Promise<Services> {
  const dataDir = await mkdtemp(join(tmpdir(), "posthorn-e2e-"))
  const [postgres, clickhouse] = await Promise.all([
    startPostgres(join(dataDir, "postgres")),
    startEmbeddedClickHouse({ dataDir: join(dataDir, "clickhouse") }),
  ])
  const prefix = `e2e-${randomBytes(4).toString("hex")}.`
  const adminKey = randomBytes(24).toString("hex")
  const shared = {
    POSTHORN_HOST: "127.0.0.1",
    POSTHORN_KAFKA_BROKERS: brokers.join(),
    POSTHORN_TOPIC_PREFIX: prefix,
    POSTHORN_POSTGRES_URL: await byWay(postgres.url, wayTo),
    POSTHORN_CLICKHOUSE_URL: await byWay(clickhouse.url, wayTo),
    POSTHORN_ADMIN_KEY: adminKey,
    POSTHORN_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString("base64")}`,
    POSTHORN_ALLOW_PRIVATE_NETWORKS: "loopback",
    LOG_LEVEL: "debug",
  }
  const grpc = await freePort()
  const processes = await startProcesses({ ...shared, POSTHORN_GRPC_PORT: `${grpc}` }, also)
  const killedEngines = new Set<number>()
  return {
    ...processes,
    httpUrl: processes.urlOf("gateway"),
    grpcUrl: `http://127.0.0.1:${grpc}`,
    adminKey,
    postgresUrl: postgres.url,
    clickhouseUrl: clickhouse.url,
    kafka: { brokers, prefix },
    directory: dataDir,
    postgres,
    clickhouse: {
      crash() {
        const pid = clickhouse.processId()
        if (pid === undefined) return
        killedEngines.add(pid)
        process.kill(pid, "SIGKILL")
      },
    },
    kills: () => processes.kills() + postgres.kills() + killedEngines.size,
    async stop() {
      try {
        await processes.stop()
      } finally {
        await Promise.all([postgres.stop(), clickhouse.stop()])
        await rm(dataDir, { recursive: true, force: true })
      }
    },
  }
}

/** Where a server is reached by another way. */
async function byWay(url: string, wayTo: ServicesOptions["wayTo"]): Promise<string> {
  const way = new URL(url)
  if (wayTo) way.port = `${await wayTo(Number(way.port))}`
  return way.href
}

async function startPostgres(dataDir: string) {
  let server = await startEmbeddedPostgres({ dataDir })
  let kills = 0
  const { url } = server
  return {
    url,
    kills: () => kills,
    stop: () => server.stop(),
    async crash() {
      const pid = Number((await readFile(join(dataDir, "cluster/postmaster.pid"), "utf8")).split("\n")[0])
      process.kill(pid, "SIGKILL")
      kills++
      await server.crashed
    },
    async start() {
      server = await startEmbeddedPostgres({ dataDir, port: Number(new URL(url).port) })
    },
  }
}

type Processes = Pick<Services, "urlOf" | "output" | "crash" | "kill" | "retire" | "start" | "signal" | "kills" | "stop">

async function startProcesses(env: Readonly<Record<string, string>>, also: readonly ServiceName[]): Promise<Processes> {
  const ports = new Map<ServiceName, number>()
  const running = new Map<ServiceName, Running>()
  const ended: string[] = []
  let kills = 0
  const urlOf = (service: ServiceName): string => `http://127.0.0.1:${ports.get(service)}`
  const processOf = (service: ServiceName): Running => running.get(service) ?? absent(service)
  const start = async (service: ServiceName): Promise<void> => {
    if (!ports.has(service)) ports.set(service, await freePort())
    const [role = ""] = service.split("-")
    const started = run(role, { ...env, POSTHORN_HTTP_PORT: `${ports.get(service)}` })
    running.set(service, started)
    await ready(urlOf(service), started)
  }
  const remove = async (service: ServiceName, signal: NodeJS.Signals): Promise<number | null> => {
    const code = await end(processOf(service), signal)
    ended.push(processOf(service).output)
    running.delete(service)
    return code
  }
  const kill = async (service: ServiceName): Promise<void> => {
    await remove(service, "SIGKILL")
    kills++
  }
  try {
    // The first one makes the topics and the tables; the others find them.
    await start("gateway")
    await Promise.all([start("delivery"), start("projector"), ...also.map(start)])
  } catch (error) {
    await Promise.all([...running.values()].map((each) => end(each, "SIGKILL")))
    throw error
  }
  return {
    urlOf,
    start,
    kill,
    async crash(service) {
      await kill(service)
      await start(service)
    },
    async retire(service) {
      const code = await remove(service, "SIGTERM")
      if (code !== 0) throw new Error(`${service} ended with ${code}: ${ended.at(-1)?.slice(-1500)}`)
    },
    signal: (service, signal) => void processOf(service).child.kill(signal),
    kills: () => kills,
    output: () => [...ended, ...[...running.values()].map(({ output }) => output)].join("\n"),
    async stop() {
      const codes = await Promise.all([...running].map(async ([name, each]) => [name, await end(each, "SIGTERM")] as const))
      const bad = codes.filter(([, code]) => code !== 0)
      const tails = [...running.values()].map(({ output }) => output.slice(-1500))
      if (bad.length > 0) throw new Error(`did not end with 0: ${JSON.stringify(bad)}: ${tails.join("\n")}`)
    },
  }
}

function absent(service: ServiceName): never {
  throw new Error(`${service} does not run`)
}
