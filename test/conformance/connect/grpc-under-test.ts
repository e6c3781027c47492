import type { AddressInfo } from "node:net"
import { create, type DescMethod, fromBinary, type Message, toBinary } from "@bufbuild/protobuf"
import { anyPack } from "@bufbuild/protobuf/wkt"
import { Metadata, type sendUnaryData, type ServerDuplexStream, type ServerUnaryCall, status, type StatusObject } from "@grpc/grpc-js"
import { isRefusal } from "@posthorn/core"
import { StatusSchema } from "@posthorn/proto"
import { grpcError } from "../../../services/gateway/src/error-boundary.ts"
import { decode, grpcDefinition } from "../../../services/gateway/src/doors/grpc-methods.ts"
import { listenForGrpc, newGrpcServer } from "../../../services/gateway/src/doors/grpc.ts"
import { type Contract, type Header, make, type Received, requestInfoOf, type Wanted, wantedOf } from "./contract.ts"

type UnaryCall = ServerUnaryCall<Buffer, Message>
type StreamCall = ServerDuplexStream<Buffer, Message>

/** Our gRPC server with our encoding, which serves those of the suite's methods that are of a kind that we serve. */
export async function openGrpc(contract: Contract, host: string): Promise<number> {
  const server = newGrpcServer()
  const { method } = contract.service
  const { unary: one, idempotentUnary, unimplemented, bidiStream } = method as Readonly<Record<string, DescMethod>>
  const own = [one, idempotentUnary, unimplemented, bidiStream].filter((each) => each !== undefined)
  // grpc-js answers methods without an implementation as unimplemented.
  server.addService(grpcDefinition(own), {
    Unary: (call: UnaryCall, callback: sendUnaryData<Message>) => void answer(contract, one as DescMethod, { call, callback }),
    IdempotentUnary: (call: UnaryCall, callback: sendUnaryData<Message>) =>
      void answer(contract, idempotentUnary as DescMethod, { call, callback }),
    BidiStream: (call: StreamCall) => void converse(contract, bidiStream as DescMethod, call),
  })
  return ((await listenForGrpc(server, host, 0)).address() as AddressInfo).port
}

async function answer(
  contract: Contract,
  method: DescMethod,
  { call, callback }: { readonly call: UnaryCall; readonly callback: sendUnaryData<Message> },
): Promise<void> {
  const request = decode(method, call.request)
  if (isRefusal(request)) return callback(grpcError(request, ""))
  const wanted = wantedOf(request)
  const requestInfo = requestInfoOf(contract, { ...receivedBy(call), requests: [[method.input, request]] })
  call.sendMetadata(metadataOf(wanted.headers))
  await wanted.pause()
  if (wanted.error !== undefined) callback(statusOf(contract, wanted, requestInfo))
  else
    callback(null, make(method.output, { payload: { data: wanted.data[0] ?? new Uint8Array(), requestInfo } }), metadataOf(wanted.trailers))
}

/** Answers request by request when the conversation is to go both ways at once, otherwise when all of them are there. */
async function converse(contract: Contract, { input, output }: DescMethod, call: StreamCall): Promise<void> {
  const head = receivedBy(call)
  let requests: (readonly [typeof input, Message])[] = []
  let wanted: Wanted | undefined
  let fullDuplex = false
  let sent = 0
  const send = async (data: Uint8Array): Promise<void> => {
    const requestInfo = requestInfoOf(contract, sent === 0 ? { ...head, requests } : { headers: [], timeoutMs: undefined, requests })
    sent++
    await wanted?.pause()
    call.write(make(output, { payload: { data, ...(sent === 1 || fullDuplex ? { requestInfo } : {}) } }))
    requests = []
  }
  try {
    for await (const bytes of call.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      const request = fromBinary(input, bytes)
      requests.push([input, request])
      if (wanted === undefined) {
        wanted = wantedOf(request)
        fullDuplex = (request as Message & { fullDuplex: boolean }).fullDuplex
        call.sendMetadata(metadataOf(wanted.headers))
      }
      if (!fullDuplex) continue
      const data = wanted.data[sent]
      if (data === undefined) break
      await send(data)
    }
    for (const data of wanted?.data.slice(sent) ?? []) await send(data)
  } catch {
    return // The client went away.
  }
  if (wanted?.error === undefined) call.end(metadataOf(wanted?.trailers ?? []))
  else call.emit("error", statusOf(contract, wanted, sent === 0 ? requestInfoOf(contract, { ...head, requests }) : undefined))
}

function receivedBy(call: UnaryCall | StreamCall): Pick<Received, "headers" | "timeoutMs"> {
  const headers = Object.entries(call.metadata.toJSON()).map(([name, values]) => ({
    name,
    value: values.map((value) => (typeof value === "string" ? value : value.toString("base64"))),
  }))
  const deadline = Number(call.getDeadline())
  return { headers, timeoutMs: Number.isFinite(deadline) ? deadline - Date.now() : undefined }
}

function metadataOf(headers: readonly Header[]): Metadata {
  const metadata = new Metadata()
  for (const { name, value } of headers) {
    for (const each of value) metadata.add(name, name.endsWith("-bin") ? Buffer.from(each, "base64") : each)
  }
  return metadata
}

function statusOf({ message }: Contract, { error, trailers }: Wanted, requestInfo: Message | undefined): Partial<StatusObject> {
  const code: number = error?.code ?? status.UNKNOWN
  const text = error?.message ?? ""
  const own = requestInfo === undefined ? [] : [anyPack(message("ConformancePayload.RequestInfo"), requestInfo)]
  const details = [...(error?.details ?? []), ...own]
  const metadata = metadataOf(trailers)
  metadata.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, create(StatusSchema, { code, message: text, details }))))
  return { code, details: text, metadata }
}
