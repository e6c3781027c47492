/** The text before the `*` of a prefix pattern, with its dot: `order.` of `order.*`. */
const prefixOf = (pattern: string): string | undefined => (pattern.endsWith(".*") ? pattern.slice(0, -1) : undefined)

/** Whether a pattern of a subscription takes an event type: `*`, `order.*`, or the very name. */
export function matchesPattern(pattern: string, type: string): boolean {
  const prefix = prefixOf(pattern)
  return pattern === "*" || pattern === type || (prefix !== undefined && type.startsWith(prefix))
}

/**
 * Which subscriptions of one application want an event type. A look-up costs as many steps as the type has words,
 * plus one for every subscription found, however many there are.
 */
export class SubscriptionIndex {
  readonly #byPattern = new Map<string, Set<string>>()

  /** Adds a subscription with its patterns. To change it, remove it with the old patterns first. */
  add(subscriptionId: string, patterns: readonly string[]): void {
    for (const pattern of patterns) {
      const found = this.#byPattern.get(pattern)
      if (found) found.add(subscriptionId)
      else this.#byPattern.set(pattern, new Set([subscriptionId]))
    }
  }

  remove(subscriptionId: string, patterns: readonly string[]): void {
    for (const pattern of patterns) {
      const found = this.#byPattern.get(pattern)
      if (found?.delete(subscriptionId) && found.size === 0) this.#byPattern.delete(pattern)
    }
  }

  /** Ids of the subscriptions that name the type as it is. */
  named(type: string): Iterable<string> {
    return this.#byPattern.get(type) ?? []
  }

  /** Ids of the subscriptions that want the type, each once. */
  match(type: string): Set<string> {
    const matched = new Set<string>()
    const take = (pattern: string) => {
      for (const id of this.#byPattern.get(pattern) ?? []) matched.add(id)
    }
    take("*")
    take(type)
    for (let dot = type.indexOf("."); dot >= 0; dot = type.indexOf(".", dot + 1)) take(`${type.slice(0, dot)}.*`)
    return matched
  }
}
