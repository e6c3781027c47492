import { limits } from "@posthorn/core"
import { ErrorClass } from "@posthorn/proto"
import { addresses, type DnsReply, type DnsQuestion, startDnsServer, startReceiver } from "@posthorn/testkit"
import { afterEach, expect, it, vi } from "vitest"
import type { AttemptSender, SendResult } from "../attempt-sender.ts"
import { policyAllowing } from "../conformance/policy-allowing.ts"
import { requestTo } from "../conformance/sender-conformance.ts"
import { createUndiciSender } from "./undici-sender.ts"

// One loopback address stands for the public internet, the rest of loopback for what must not be reached.
const OPEN = "127.0.0.1"
const CLOSED = "127.0.0.2"

let sender: AttemptSender | undefined
afterEach(async () => {
  vi.useRealTimers()
  await sender?.close()
  sender = undefined
})

const REFUSED = { kind: "none", errorClass: ErrorClass.REFUSED, error: "the address is not allowed" }

interface Case {
  readonly answers: string
  readonly reply: (question: DnsQuestion) => DnsReply
  readonly expected: object
}

const many = (count: number): string[] => Array.from({ length: count }, () => OPEN)
const alias = (question: DnsQuestion, address: string): DnsReply => {
  if (question.type === "AAAA") return { kind: "records", records: [{ type: "CNAME", data: "inside.example.net" }] }
  const records = [
    { type: "CNAME" as const, data: "inside.example.net" },
    { name: "inside.example.net", type: "A" as const, data: address },
  ]
  return { kind: "records", records }
}

it.each<Case>([
  { answers: "an allowed address", reply: (question) => addresses(question, OPEN), expected: { kind: "answer", statusCode: 200 } },
  {
    answers: "as many addresses as it may",
    reply: (question) => addresses(question, ...many(limits.ADDRESSES_MAX)),
    expected: { kind: "answer" },
  },
  { answers: "an alias of an allowed address", reply: (question) => alias(question, OPEN), expected: { kind: "answer" } },
  { answers: "a refused address", reply: (question) => addresses(question, CLOSED), expected: REFUSED },
  { answers: "an alias of a refused address", reply: (question) => alias(question, CLOSED), expected: REFUSED },
  { answers: "an allowed and a refused address", reply: (question) => addresses(question, OPEN, CLOSED), expected: REFUSED },
  { answers: "an allowed A and a private AAAA", reply: (question) => addresses(question, OPEN, "fd00::1"), expected: REFUSED },
  { answers: "a mapped metadata address", reply: (question) => addresses(question, OPEN, "::ffff:a9fe:a9fe"), expected: REFUSED },
  { answers: "metadata", reply: (question) => addresses(question, "169.254.169.254"), expected: REFUSED },
  {
    answers: "one address more than it may",
    reply: (question) => addresses(question, ...many(limits.ADDRESSES_MAX + 1)),
    expected: REFUSED,
  },
  { answers: "three hundred addresses", reply: (question) => addresses(question, ...many(300)), expected: { kind: "none" } },
  { answers: "nothing", reply: (question) => addresses(question), expected: { kind: "none", errorClass: ErrorClass.DNS } },
  {
    answers: "that there is no such name",
    reply: () => ({ kind: "error", code: "NXDOMAIN" }),
    expected: { kind: "none", errorClass: ErrorClass.DNS },
  },
  { answers: "that it failed", reply: () => ({ kind: "error", code: "SERVFAIL" }), expected: { kind: "none", errorClass: ErrorClass.DNS } },
  {
    answers: "one question and fails the other",
    reply: (question) => (question.type === "A" ? addresses(question, OPEN) : { kind: "error", code: "SERVFAIL" }),
    expected: { kind: "none", errorClass: ErrorClass.DNS },
  },
])("sends only what it may when the name server answers $answers", async ({ reply, expected }) => {
  await using dns = await startDnsServer(reply)
  await using receiver = await startReceiver()
  const result = await sendTo("hooks.example.com", dns.address, receiver.port)
  expect(result).toMatchObject(expected)
  expect(receiver.count).toBe(result.kind === "answer" ? 1 : 0)
})

it("keeps the name for the host header and measures the look-up", async () => {
  await using dns = await startDnsServer((question) => addresses(question, OPEN))
  await using receiver = await startReceiver()
  const result = await sendTo("hooks.example.com", dns.address, receiver.port)
  expect(receiver.requests[0]?.headers.host).toBe(`hooks.example.com:${receiver.port}`)
  expect(result.phases.dns).toBeGreaterThan(0)
})

it("refuses a name that was rebound to a refused address once its connection is gone", async () => {
  await using dns = await startDnsServer((question, nth) => addresses(question, nth === 1 ? OPEN : CLOSED))
  await using receiver = await startReceiver({ behaviour: { kind: "answer", statusCode: 200, headers: { connection: "close" } } })
  vi.useFakeTimers({ toFake: ["performance"] })
  expect(await sendTo("hooks.example.com", dns.address, receiver.port)).toMatchObject({ statusCode: 200 })
  // Within the memory's time the vetted address is dialled, not asked for again.
  expect(await sendTo("hooks.example.com", dns.address, receiver.port)).toMatchObject({ statusCode: 200 })
  vi.advanceTimersByTime(limits.RESOLVED_NAME_MS + 1)
  expect(await sendTo("hooks.example.com", dns.address, receiver.port)).toMatchObject(REFUSED)
  expect(dns.questions).toHaveLength(4)
  expect(receiver.count).toBe(2)
})

it("does not remember a failed look-up", async () => {
  await using dns = await startDnsServer((question, nth) => (nth === 1 ? { kind: "error", code: "NXDOMAIN" } : addresses(question, OPEN)))
  await using receiver = await startReceiver()
  expect(await sendTo("hooks.example.com", dns.address, receiver.port)).toMatchObject({ errorClass: ErrorClass.DNS })
  expect(await sendTo("hooks.example.com", dns.address, receiver.port)).toMatchObject({ statusCode: 200 })
})

it("asks once for a burst of connections", async () => {
  await using dns = await startDnsServer((question) => addresses(question, OPEN))
  await using receiver = await startReceiver()
  const results = await Promise.all(Array.from({ length: 20 }, () => sendTo("hooks.example.com", dns.address, receiver.port)))
  expect(results.every((result) => result.kind === "answer")).toBe(true)
  expect(dns.questions).toHaveLength(2)
})

it("falls back to the next address when one does not answer", async () => {
  await using dns = await startDnsServer((question) => addresses(question, CLOSED, OPEN))
  await using receiver = await startReceiver()
  sender = createUndiciSender({ policy: policyAllowing("loopback", [dns.address]) })
  expect(await sendTo("hooks.example.com", dns.address, receiver.port)).toMatchObject({ statusCode: 200 })
})

it("ends at the deadline when no name server answers, and asks none for localhost", async () => {
  await using dns = await startDnsServer(() => ({ kind: "silence" }))
  await using receiver = await startReceiver()
  expect(await sendTo("hooks.example.com", dns.address, receiver.port, 200)).toMatchObject({ errorClass: ErrorClass.TIMEOUT })
  const asked = dns.questions.length
  expect(await sendTo("localhost", dns.address, receiver.port)).toMatchObject({ statusCode: 200 })
  expect(dns.questions).toHaveLength(asked)
})

it("refuses literals and names that break the rules without asking or dialling", async () => {
  await using dns = await startDnsServer((question) => addresses(question, OPEN))
  for (const host of [CLOSED, "[::1]", "2130706434", "169.254.169.254", "foo.localhost", "metadata.google.internal", "kafka"]) {
    expect(await sendTo(host, dns.address, 41_234)).toMatchObject({ ...REFUSED, phases: { total: 0 } })
  }
  expect(dns.questions).toHaveLength(0)
})

function sendTo(host: string, dnsAddress: string, port: number, timeoutMs = 20_000): Promise<SendResult> {
  sender ??= createUndiciSender({ policy: policyAllowing(`${OPEN}/32`, [dnsAddress]) })
  return sender.send(requestTo(`http://${host}:${port}/`, { timeoutMs }))
}
