import { getCACertificates, setDefaultCACertificates } from "node:tls"
import { classify, limits, type Verdict } from "@posthorn/core"
import { ErrorClass } from "@posthorn/proto"
import { addressPolicy, type AttemptSender, type SendResult } from "@posthorn/outbound"
import { createUndiciSender } from "@posthorn/outbound/undici"
import {
  eventually,
  openZoo,
  zoo,
  ZOO_TIMEOUT_MS,
  type Expected,
  type OpenEndpoint,
  type ZooEndpoint,
  type ZooGrounds,
} from "@posthorn/testkit"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const authorities = getCACertificates("default")
let grounds: ZooGrounds
beforeAll(async () => {
  grounds = await openZoo()
  setDefaultCACertificates(grounds.authorities)
})
afterAll(async () => {
  setDefaultCACertificates(authorities)
  await grounds[Symbol.asyncDispose]()
})

const everyone = Object.values(zoo).flat()

it("has many endpoints, each with a name of its own", () => {
  expect(everyone.length).toBeGreaterThan(60)
  expect(new Set(everyone.map(({ name }) => name)).size).toBe(everyone.length)
})

describe.each(Object.entries(zoo))("an endpoint among the %s", (_family, kinds) => {
  it.each(kinds)("that $about comes to what the contract says, and leaves nothing open ($name)", async (kind) => {
    const before = await eventually(stillOpen)
    await visit([kind], async (sender, places) => {
      for (const place of places) {
        const result = await attempt(sender, place)
        expectAsFor(place, result)
        if (result.kind === "none" || endsUnread(kind)) await eventually(() => place.endpoint.open === 0, { what: "the connection's end" })
      }
    })
    await eventually(async () => expect(await more(before)).toEqual({}), { what: "the end of every socket and timer" })
  })
})

it("comes to the same when all are sent to at once by one sender, two times each", async () => {
  const before = await eventually(stillOpen)
  await visit(everyone, async (sender, places) => {
    for (let time = 1; time <= 2; time++) {
      const results = await Promise.all(places.map(async (place) => ({ name: place.kind.name, result: await attempt(sender, place) })))
      const found = results.map(({ name, result }) => ({ name, ...essence(verdictOf(result)) }))
      expect(found).toEqual(everyone.map(({ name, expected }) => ({ name, ...essence(expected) })))
    }
  })
  await eventually(async () => expect(await more(before)).toEqual({}), { what: "the end of every socket and timer" })
})

interface Place {
  readonly kind: ZooEndpoint
  readonly endpoint: OpenEndpoint
}

/** Opens endpoints and a sender, and closes all of them. */
async function visit(
  kinds: readonly ZooEndpoint[],
  look: (sender: AttemptSender, places: readonly Place[]) => Promise<void>,
): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const places = await Promise.all(kinds.map(async (kind) => ({ kind, endpoint: stack.use(await kind.open(grounds)) })))
  const sender = stack.adopt(senderOf(), (made) => made.close())
  await look(sender, places)
}

const senderOf = (): AttemptSender =>
  createUndiciSender({ policy: addressPolicy({ allowPrivateNetworks: ["loopback"], dnsServers: [grounds.dnsAddress] }) })

/** The deadline is near only where it is what has to end the attempt. */
function attempt(sender: AttemptSender, { kind: { expected, bodyBytes = 7 }, endpoint: { url } }: Place): Promise<SendResult> {
  const endsAtDeadline = expected.outcome === "failed" && expected.errorClass === ErrorClass.TIMEOUT
  return sender.send({
    method: "POST",
    url,
    headers: { "content-type": "application/json" },
    body: Buffer.alloc(bodyBytes, "a"),
    timeoutMs: endsAtDeadline ? ZOO_TIMEOUT_MS : 20_000,
  })
}

const essence = (verdict: Expected | Verdict): object => ({
  outcome: verdict.outcome,
  statusCode: verdict.statusCode,
  errorClass: verdict.outcome === "failed" ? verdict.errorClass : ErrorClass.UNSPECIFIED,
})

const endsUnread = ({ expected }: ZooEndpoint): boolean => expected.outcome === "delivered" && expected.endless === true

const verdictOf = (result: SendResult): Verdict => classify(result, Date.now())

function expectAsFor({ kind: { expected }, endpoint: { requests } }: Place, result: SendResult): void {
  const verdict = verdictOf(result)
  if (expected.outcome === "delivered") {
    const { statusCode, endless = false } = expected
    expect(verdict).toEqual({ outcome: "delivered", statusCode })
    return expect(result).toMatchObject(
      endless ? { truncated: true, body: { length: limits.RESPONSE_BODY_KEPT_BYTES_MAX } } : { truncated: false },
    )
  }
  const { error = "", retryAfterMs, ...exact } = expected
  expect(verdict).toMatchObject({ demand: "none", ...exact, error: expect.stringContaining(error) })
  // Neither a redirect nor a failure makes a second request.
  expect(requests).toBeLessThanOrEqual(1)
  const given = verdict.outcome === "failed" ? verdict.retryAfterMs : undefined
  if (retryAfterMs === undefined) return expect(given).toBeUndefined()
  expect(given).toBeGreaterThanOrEqual(retryAfterMs.from)
  expect(given).toBeLessThanOrEqual(retryAfterMs.to)
}

/** What of it keeps this process alive that did not do so before, by kind. The test runner has timers that come and go. */
async function more(before: Readonly<Record<string, number>>): Promise<Record<string, number>> {
  const now = Object.entries(await stillOpen())
  return Object.fromEntries(now.filter(([kind, count]) => count > (before[kind] ?? 0)))
}

/** What keeps this process alive, by kind, once everything that can end by itself has had its turn. */
async function stillOpen(): Promise<Record<string, number>> {
  await new Promise((resolve) => void setImmediate(resolve))
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}
