import { type EnvConfig, type EnvProblem, type EnvTable, helpText, readEnv } from "./env.ts"
import { describeError } from "./describe-error.ts"
import { Lifecycle } from "./lifecycle.ts"

/** What runs as a process. */
export interface Service<Table extends EnvTable> {
  readonly name: string
  /** One sentence for `--help`. */
  readonly about: string
  readonly variables: Table
  /** Faults that show only when variables are seen together. */
  check?(config: EnvConfig<Table>): readonly EnvProblem[]
  /** Starts the parts, each through the lifecycle, and resolves when the service is ready. */
  start(config: EnvConfig<Table>, lifecycle: Lifecycle): Promise<void>
  /** How long the parts may take to stop, all together; default 25 s, below the 30 s after which Kubernetes kills. */
  readonly stopMs?: number
}

const STOP_MS_DEFAULT = 25_000
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

/**
 * Runs a service until a signal or a failure ends it, and ends the process: with 0 after an orderly stop, 1 after a failure or a stop that
 * was not complete in time, 2 if the configuration is wrong. A second signal ends it at once, with 128 + its number.
 */
export async function runService<Table extends EnvTable>(service: Service<Table>): Promise<never> {
  if (process.argv.includes("--help")) {
    process.stdout.write(`posthorn ${service.name}: ${service.about}\n\nEnvironment:\n${helpText(service.variables)}`)
    process.exit(0)
  }
  const reading = readEnv(service.variables, process.env)
  const problems = reading.kind === "problems" ? reading.problems : (service.check?.(reading.config) ?? [])
  if (reading.kind === "problems" || problems.length > 0) {
    const lines = problems.map(({ variable, problem }) => `  ${variable} ${problem}\n`)
    process.stderr.write(`posthorn ${service.name}: the configuration is wrong:\n${lines.join("")}--help lists every variable.\n`)
    process.exit(2)
  }
  process.exit((await runToEnd(service, reading.config)) ? 0 : 1)
}

/** Answers whether all went well. */
async function runToEnd<Table extends EnvTable>(service: Service<Table>, config: EnvConfig<Table>): Promise<boolean> {
  const lifecycle = new Lifecycle()
  for (const [signal, exitCode] of Object.entries(SIGNALS)) {
    process.on(signal, () => (lifecycle.signal.aborted ? process.exit(exitCode) : lifecycle.end()))
  }
  const start = async (): Promise<void> => service.start(config, lifecycle)
  const started = start().catch((error: unknown) => lifecycle.fail(error))
  const ending = await lifecycle.ended
  const complain = (what: string, error: unknown): void => {
    process.stderr.write(`posthorn ${service.name}: ${what}: ${describeError(error)}\n`)
  }
  if (ending.kind === "failed") complain("cannot go on", ending.error)

  const stopMs = service.stopMs ?? STOP_MS_DEFAULT
  // A start that is under way comes to its end first, or it would start parts behind our back.
  const beginMs = performance.now()
  const abandon = Promise.withResolvers<void>()
  const timer = setTimeout(abandon.resolve, stopMs)
  await Promise.race([started, abandon.promise])
  clearTimeout(timer)
  const problems = await lifecycle.stopAll(Math.max(0, stopMs - (performance.now() - beginMs)))
  for (const { part, error } of problems) complain(`${part} did not stop`, error)
  return ending.kind === "stopped" && problems.length === 0
}
