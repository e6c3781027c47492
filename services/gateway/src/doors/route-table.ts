/** Finds what a path leads to by walking its segments once: however many routes there are, a request costs its own length. */

interface Branch<T> {
  readonly literals: Map<string, Branch<T>>
  variable: Branch<T> | undefined
  /** By the verb after the colon (empty for none), then by HTTP method. */
  readonly leaves: Map<string, Map<string, Leaf<T>>>
}

interface Leaf<T> {
  readonly names: readonly string[]
  readonly target: T
}

export interface Match<T> {
  readonly target: T
  /** Values of the path's variables, decoded. */
  readonly variables: ReadonlyMap<string, string>
}

/** The path exists, for these other HTTP methods. */
export interface OtherMethods {
  readonly allow: readonly string[]
}

const VARIABLE = /^\{([a-z_]+)(?:=\*)?\}$/
const VERB = /^(.*[^:]):([A-Za-z]+)$/

export class RouteTable<T> {
  readonly #root: Branch<T> = newBranch()

  /** Adds a template like `/v1/subscriptions/{subscription_id}:enable`. Throws on a form that is not served and on a route that is there already. */
  add(httpMethod: string, template: string, target: T): void {
    const { segments, verb } = split(template)
    const names: string[] = []
    let branch = this.#root
    for (const segment of segments) {
      const name = VARIABLE.exec(segment)?.[1]
      if (name === undefined && /[{}*]/.test(segment)) throw new Error(`${template}: ${segment} is not served`)
      if (name !== undefined) names.push(name)
      branch = name === undefined ? getOrSet(branch.literals, segment, newBranch<T>) : (branch.variable ??= newBranch())
    }
    const leaves = getOrSet(branch.leaves, verb, () => new Map<string, Leaf<T>>())
    if (leaves.has(httpMethod)) throw new Error(`${httpMethod} ${template} leads to two methods`)
    leaves.set(httpMethod, { names, target })
  }

  /** `path` is without a query and still percent-encoded. */
  find(httpMethod: string, path: string): Match<T> | OtherMethods | undefined {
    const values: string[] = []
    const leaves = walk(this.#root, 0, { ...split(path), values })
    const leaf = leaves?.get(httpMethod)
    if (leaves === undefined || leaf === undefined) return leaves && { allow: [...leaves.keys()] }
    const decoded = values.map(decode)
    if (decoded.includes(undefined)) return undefined
    return { target: leaf.target, variables: new Map(leaf.names.map((name, at) => [name, decoded[at] ?? ""])) }
  }
}

interface Way {
  readonly segments: readonly string[]
  readonly verb: string
  /** Filled on the way with what the variables stand for. */
  readonly values: string[]
}

/** Literals go first; a way that ends nowhere is given up for the variable beside it. */
function walk<T>(branch: Branch<T>, at: number, way: Way): Map<string, Leaf<T>> | undefined {
  const segment = way.segments[at]
  if (segment === undefined) return branch.leaves.get(way.verb)
  const literal = branch.literals.get(segment)
  const found = literal && walk(literal, at + 1, way)
  if (found !== undefined || branch.variable === undefined || segment === "") return found
  way.values.push(segment)
  const further = walk(branch.variable, at + 1, way)
  if (further === undefined) way.values.pop()
  return further
}

function split(path: string): { segments: string[]; verb: string } {
  const verbed = VERB.exec(path)
  const inLastSegment = verbed?.[2] !== undefined && !verbed[2].includes("/")
  return { segments: (inLastSegment ? (verbed[1] ?? "") : path).slice(1).split("/"), verb: inLastSegment ? (verbed[2] ?? "") : "" }
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined // Not percent-encoding: such a path leads nowhere.
  }
}

function newBranch<T>(): Branch<T> {
  return { literals: new Map(), variable: undefined, leaves: new Map() }
}

function getOrSet<V>(map: Map<string, V>, key: string, make: () => V): V {
  const value = map.get(key) ?? make()
  map.set(key, value)
  return value
}
