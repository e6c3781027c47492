import { ErrorClass } from "@posthorn/proto"
import { addresses, type DnsQuestion, type DnsReply, type DnsScript } from "../dns-server.ts"
import { OK } from "../raw-endpoint.ts"
import { delivered, type Expected, failed, raw, timedOut, type ZooEndpoint } from "./zoo-endpoint.ts"

interface Named {
  readonly name: string
  readonly about: string
  readonly reply: (question: DnsQuestion) => DnsReply
  readonly expected: Expected
}

const dns = failed(ErrorClass.DNS)
const refused = failed(ErrorClass.REFUSED)

const named: readonly Named[] = [
  {
    name: "half-reachable-name",
    about: "has a second address where nobody is",
    reply: (question) => addresses(question, "::1", "127.0.0.1"),
    expected: delivered(200),
  },
  { name: "unknown-name", about: "has a name that is not there", reply: () => ({ kind: "error", code: "NXDOMAIN" }), expected: dns },
  { name: "empty-name", about: "has a name without an address", reply: () => ({ kind: "records", records: [] }), expected: dns },
  { name: "failing-name", about: "has a name whose server fails", reply: () => ({ kind: "error", code: "SERVFAIL" }), expected: dns },
  {
    name: "silent-name",
    about: "has a name whose server says nothing",
    reply: () => ({ kind: "silence" }),
    expected: timedOut("while resolving the name"),
  },
  {
    name: "private-name",
    about: "has a name that leads inside",
    reply: (question) => addresses(question, "10.1.2.3"),
    expected: refused,
  },
  {
    name: "metadata-name",
    about: "has a name that leads to the cloud's metadata",
    reply: (question) => addresses(question, "169.254.169.254"),
    expected: refused,
  },
  {
    name: "mixed-name",
    about: "has a name that leads inside too",
    reply: (question) => addresses(question, "127.0.0.1", "10.1.2.3"),
    expected: refused,
  },
]

const hostOf = (name: string): string => `${name}.example.com`
const replies = new Map(named.map(({ name, reply }) => [hostOf(name), reply]))

/** What the zoo's name server answers: loopback, unless the name is one of those that make trouble. */
export const zooNames: DnsScript = (question) => replies.get(question.name)?.(question) ?? addresses(question, "127.0.0.1")

const at = (host: string): ZooEndpoint["open"] =>
  raw({ onRequest: (socket) => void socket.write(OK), url: (port) => `http://${host}:${port}/` })

/** Endpoints that are found by their name, or not. They would all answer 200. */
export const names: readonly ZooEndpoint[] = [
  ...named.map(({ name, about, expected }) => ({ name, about, expected, open: at(hostOf(name)) })),
  { name: "private-address", about: "has a private address", expected: refused, open: at("10.1.2.3") },
  { name: "metadata-address", about: "has the address of the cloud's metadata", expected: refused, open: at("169.254.169.254") },
]
