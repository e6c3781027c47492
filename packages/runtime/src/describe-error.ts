const CAUSES_MAX = 5
const MESSAGE_LENGTH_MAX = 300

/**
 * An error and its causes on one line, without stacks. The message of a `SyntaxError` is left out: it quotes what was parsed,
 * which may be anything that strangers sent.
 */
export function describeError(error: unknown): string {
  const parts: string[] = []
  for (
    let current = error;
    current !== undefined && parts.length < CAUSES_MAX;
    current = current instanceof Error ? current.cause : undefined
  ) {
    parts.push(describeOne(current))
  }
  return parts.join(" ← ")
}

function describeOne(error: unknown): string {
  if (!(error instanceof Error)) return `thrown ${typeof error}`
  const code = "code" in error && typeof error.code === "string" ? ` ${error.code}` : ""
  const message =
    error instanceof SyntaxError || error.message === "" ? "" : `: ${error.message.slice(0, MESSAGE_LENGTH_MAX).replaceAll(/\s+/g, " ")}`
  const members = error instanceof AggregateError ? ` [${error.errors.slice(0, CAUSES_MAX).map(describeOne).join("; ")}]` : ""
  return `${error.name}${code}${message}${members}`
}
