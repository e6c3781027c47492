import { createSocket } from "node:dgram"
import { isIPv4 } from "node:net"

const TYPES = { A: 1, CNAME: 5, AAAA: 28 } as const
const CODES = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3 } as const

export interface DnsQuestion {
  readonly name: string
  readonly type: "A" | "AAAA"
}

export interface DnsRecord {
  /** Default: the name of the question. */
  readonly name?: string
  readonly type: keyof typeof TYPES
  /** An address, or the name that a CNAME leads to. */
  readonly data: string
}

export type DnsReply =
  | { readonly kind: "records"; readonly records: readonly DnsRecord[] }
  | { readonly kind: "error"; readonly code: "SERVFAIL" | "NXDOMAIN" }
  | { readonly kind: "silence" }

/** `nth` counts the questions for the same name and type from 1. */
export type DnsScript = (question: DnsQuestion, nth: number) => DnsReply

/** Answers a question for addresses with those of its own type: none of them is an empty answer. */
export function addresses(question: DnsQuestion, ...data: readonly string[]): DnsReply {
  const ofType = data.filter((address) => isIPv4(address) === (question.type === "A"))
  return { kind: "records", records: ofType.map((address) => ({ type: question.type, data: address })) }
}

export interface DnsServer extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly address: string
  readonly questions: readonly DnsQuestion[]
  stop(): Promise<void>
}

/** A name server on a loopback UDP port that answers A and AAAA questions as scripted, with a time to live of 0; silent otherwise. */
export async function startDnsServer(script: DnsScript): Promise<DnsServer> {
  const socket = createSocket("udp4")
  const questions: DnsQuestion[] = []
  socket.on("message", (message, sender) => {
    const question = readQuestion(message)
    if (question === undefined) return
    questions.push(question)
    const nth = questions.filter((asked) => asked.name === question.name && asked.type === question.type).length
    const reply = script(question, nth)
    if (reply.kind !== "silence") socket.send(writeReply(message, question, reply), sender.port, sender.address)
  })
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject)
    socket.bind(0, "127.0.0.1", resolve)
  })
  const server: DnsServer = {
    address: `127.0.0.1:${socket.address().port}`,
    questions,
    stop: () => new Promise((resolve) => socket.close(() => resolve())),
    [Symbol.asyncDispose]: () => server.stop(),
  }
  return server
}

const HEADER_BYTES = 12

function readQuestion(message: Buffer): DnsQuestion | undefined {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = message.readUInt8(at); length > 0; length = message.readUInt8(at)) {
    labels.push(message.toString("latin1", at + 1, at + 1 + length))
    at += 1 + length
  }
  const type = message.readUInt16BE(at + 1)
  if (type !== TYPES.A && type !== TYPES.AAAA) return undefined
  return { name: labels.join(".").toLowerCase(), type: type === TYPES.A ? "A" : "AAAA" }
}

function writeReply(message: Buffer, question: DnsQuestion, reply: Exclude<DnsReply, { kind: "silence" }>): Buffer {
  const records = reply.kind === "records" ? reply.records : []
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt16BE(message.readUInt16BE(0), 0)
  header.writeUInt16BE(0x8580 | CODES[reply.kind === "error" ? reply.code : "NOERROR"], 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(records.length, 6)
  const asked = Buffer.concat([encodeName(question.name), twoBytes(TYPES[question.type]), twoBytes(1)])
  return Buffer.concat([header, asked, ...records.map((record) => encodeRecord(record, question.name))])
}

function encodeRecord(record: DnsRecord, name: string): Buffer {
  const data = record.type === "CNAME" ? encodeName(record.data) : encodeAddress(record.data)
  const timeToLive = Buffer.alloc(4)
  return Buffer.concat([
    encodeName(record.name ?? name),
    twoBytes(TYPES[record.type]),
    twoBytes(1),
    timeToLive,
    twoBytes(data.length),
    data,
  ])
}

function encodeName(name: string): Buffer {
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label, "latin1")]))
  return Buffer.concat([...labels, Buffer.of(0)])
}

function encodeAddress(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number))
  const [head = "", tail = ""] = address.split("::")
  const groups = (text: string): number[] => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)))
  const [first, last] = [groups(head), groups(tail)]
  return Buffer.concat([...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last].map(twoBytes))
}

function twoBytes(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}
