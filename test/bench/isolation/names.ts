import { addresses, startDnsServer } from "@posthorn/testkit"

/** Names of endpoints on this machine that stop resolving one day. */
export interface Names extends AsyncDisposable {
  /** Of the name server. */
  readonly address: string
  /** The name of the endpoint with that number. */
  host(index: number): string
  /** From now on even ones do not exist, and for odd ones there is no answer. */
  fail(): void
}

export async function startNames(): Promise<Names> {
  let failing = false
  const server = await startDnsServer((question) => {
    if (!failing) return addresses(question, "127.0.0.1")
    return question.name.startsWith("even-") ? { kind: "error", code: "NXDOMAIN" } : { kind: "silence" }
  })
  return {
    address: server.address,
    host: (index) => `${index % 2 === 0 ? "even" : "odd"}-${index}.posthorn-bench.net`,
    fail: () => void (failing = true),
    [Symbol.asyncDispose]: () => server.stop(),
  }
}
