/** A server as the suite starts it: told on its input what to open, and telling on its output where it is. Its argument is the file of the suite's descriptors. */
import { fromBinary, type Message, toBinary } from "@bufbuild/protobuf"
import { make, readContract } from "./contract.ts"
import { openGrpc } from "./grpc-under-test.ts"
import { openHttp } from "./http-under-test.ts"

const HOST = "127.0.0.1"
const PROTOCOL_GRPC = 2
const LENGTH_BYTES = 4

const contract = readContract(process.argv[2] ?? "")
const { protocol } = fromBinary(contract.message("ServerCompatRequest"), await readDelimited()) as Message & { readonly protocol: number }
const port = protocol === PROTOCOL_GRPC ? await openGrpc(contract, HOST) : await openHttp(contract, HOST)
const desc = contract.message("ServerCompatResponse")
const response = toBinary(desc, make(desc, { host: HOST, port }))
const length = Buffer.alloc(LENGTH_BYTES)
length.writeUInt32BE(response.length)
process.stdout.write(Buffer.concat([length, response]))

async function readDelimited(): Promise<Buffer> {
  let bytes: Buffer = Buffer.alloc(0)
  for await (const part of process.stdin as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, part])
    if (bytes.length < LENGTH_BYTES) continue
    const end = LENGTH_BYTES + bytes.readUInt32BE(0)
    if (bytes.length >= end) return bytes.subarray(LENGTH_BYTES, end)
  }
  throw new Error("The suite said nothing.")
}
