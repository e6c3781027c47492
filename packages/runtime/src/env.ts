/** Reads a text of the environment. */
export interface Parser<T> {
  /** What is acceptable, to complete the sentence "must be …". */
  readonly expects: string
  /** The value, or `undefined` when the text is not acceptable. Never throws. */
  parse(text: string): T | undefined
  /** A variable that is set but empty is a value of its own; otherwise it counts as not set. */
  readonly emptyIsValue?: true
}

/** One environment variable: all that the program, `--help` and the documentation know of it. */
export interface Variable<T> {
  readonly name: string
  /** Another name that is looked at when `name` is not set. */
  readonly alias?: string
  /** For people, in one line. */
  readonly meaning: string
  readonly parser: Parser<T>
  /** The value when it is not set, spelled as in the environment. */
  readonly default?: string
  /** Starting without it is a configuration problem. */
  readonly required?: true
  /** For people: what happens when it is not set and there is neither a default nor a duty to set it. */
  readonly unset?: string
}

export type EnvTable = Readonly<Record<string, Variable<unknown>>>

type ValueOf<V> = V extends { readonly parser: Parser<infer T> }
  ? V extends { readonly default: string } | { readonly required: true }
    ? T
    : T | undefined
  : never

/** The values of a table: `undefined` only where there is neither a default nor a duty to set it. */
export type EnvConfig<Table extends EnvTable> = { readonly [Key in keyof Table]: ValueOf<Table[Key]> }

/** A fault of the configuration. */
export interface EnvProblem {
  readonly variable: string
  /** Completes the sentence that begins with the variable's name. Never holds the value: it may be a secret. */
  readonly problem: string
}

export type EnvReading<Table extends EnvTable> =
  | { readonly kind: "config"; readonly config: EnvConfig<Table> }
  | { readonly kind: "problems"; readonly problems: readonly EnvProblem[] }

export type Environment = Readonly<Record<string, string | undefined>>

/** Reads every variable of a table. Answers all problems at once, or the configuration. Ignores variables that the table does not name. */
export function readEnv<const Table extends EnvTable>(table: Table, env: Environment): EnvReading<Table> {
  const config: Record<string, unknown> = {}
  const problems: EnvProblem[] = []
  for (const [key, variable] of Object.entries(table)) {
    const found = find(variable, env)
    if (found !== undefined) {
      const value = variable.parser.parse(found.text)
      if (value === undefined) problems.push({ variable: found.name, problem: `must be ${variable.parser.expects}` })
      else config[key] = value
    } else if (variable.default !== undefined) {
      config[key] = defaultOf(variable, variable.default)
    } else if (variable.required) {
      problems.push({ variable: variable.name, problem: `is not set; it must be ${variable.parser.expects}` })
    } else {
      config[key] = undefined
    }
  }
  // The loop has filled every key of the table, or recorded why not.
  return problems.length > 0 ? { kind: "problems", problems } : { kind: "config", config: config as EnvConfig<Table> }
}

function find(variable: Variable<unknown>, env: Environment): { name: string; text: string } | undefined {
  for (const name of [variable.name, variable.alias]) {
    const text = name === undefined ? undefined : env[name]?.trim()
    if (name !== undefined && text !== undefined && (text !== "" || variable.parser.emptyIsValue)) return { name, text }
  }
  return undefined
}

function defaultOf(variable: Variable<unknown>, text: string): unknown {
  const value = variable.parser.parse(text)
  if (value === undefined) throw new Error(`the default of ${variable.name} is not ${variable.parser.expects}`)
  return value
}

/** A table of variables for people: name, what holds when it is not set, meaning. */
export function helpText(table: EnvTable): string {
  const rows = Object.values(table).map((variable) => [
    variable.alias === undefined ? variable.name : `${variable.name}, or ${variable.alias}`,
    variable.required ? "required" : variable.default === "" ? "empty" : (variable.default ?? variable.unset ?? "not set"),
    `${variable.meaning} (${variable.parser.expects})`,
  ])
  const widths = [0, 1].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}\n`).join("")
}
