import { parseArgs, type ParseArgsOptionsConfig } from "node:util"
import { describeError, helpText, Lifecycle, readEnv } from "@posthorn/runtime"
import { commandVariables } from "../config.ts"
import type { CommandConfig } from "./wire.ts"

/** What a command has while it runs. */
export interface Running {
  readonly config: CommandConfig
  /** Ends with the command what is started. Its signal is aborted when the command is to end. */
  readonly lifecycle: Lifecycle
  /** As the command line has them. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>
  readonly words: readonly string[]
  /** A line of the answer. */
  print(line: string): void
  /** A line for whoever watches. */
  say(line: string): void
}

export interface Command {
  readonly name: string
  /** Everything behind the name, as a command line shows it. */
  readonly usage: string
  /** What it does, with its flags and exit codes. */
  readonly about: string
  readonly flags: ParseArgsOptionsConfig
  /** Answers what is wrong with the command line, if anything is. */
  judge(called: Pick<Running, "flags" | "words">): string | undefined
  /** Answers the exit code. */
  run(running: Running): Promise<number>
}

const STOP_MS = 25_000

/** Runs a command in a process; answers its exit code: 2 = it was not called rightly, 1 = it failed, 130 = it was interrupted. */
export async function runCommand(command: Command, process: NodeJS.Process): Promise<number> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  const usage = `usage: posthorn ${command.name} ${command.usage}`
  const called = readArguments(command, process.argv.slice(2))
  if ("help" in called) {
    process.stdout.write(`${usage}\n\n${command.about}\n\nEnvironment:\n${helpText(commandVariables)}`)
    return 0
  }
  if ("problem" in called) {
    say(`posthorn ${command.name}: ${called.problem}\n${usage}`)
    return 2
  }
  const reading = readEnv(commandVariables, process.env)
  if (reading.kind === "problems") {
    say(`posthorn ${command.name}: the configuration is wrong:`)
    for (const { variable, problem } of reading.problems) say(`  ${variable} ${problem}`)
    return 2
  }
  const lifecycle = new Lifecycle()
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => (lifecycle.signal.aborted ? process.exit(130) : lifecycle.end()))
  const print = (line: string): void => void process.stdout.write(`${line}\n`)
  try {
    return await command.run({ ...called, config: reading.config, lifecycle, print, say })
  } catch (error) {
    if (lifecycle.signal.aborted) return 130
    say(`posthorn ${command.name}: ${describeError(error)}`)
    return 1
  } finally {
    for (const { part, error } of await lifecycle.stopAll(STOP_MS)) say(`${part} did not stop: ${describeError(error)}`)
  }
}

type Called = Pick<Running, "flags" | "words"> | { readonly help: true } | { readonly problem: string }

function readArguments({ flags: known, judge }: Command, args: readonly string[]): Called {
  try {
    const { values, positionals: words } = parseArgs({
      args: [...args],
      options: { ...known, help: { type: "boolean" } },
      allowPositionals: true,
    })
    const flags = values as Running["flags"]
    if (flags["help"] === true) return { help: true }
    const problem = judge({ flags, words })
    return problem === undefined ? { flags, words } : { problem }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}
