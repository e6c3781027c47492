import { readFileSync } from "node:fs"
import { setTimeout as wait } from "node:timers/promises"
import {
  create,
  createFileRegistry,
  type DescMessage,
  type DescService,
  type FileRegistry,
  fromBinary,
  type Message,
} from "@bufbuild/protobuf"
import { type Any, anyPack, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"

/** The messages and the service of the suite, as its own module describes them. */
export interface Contract {
  readonly registry: FileRegistry
  readonly service: DescService
  message(name: string): DescMessage
}

/** Reads the descriptors that `buf build` wrote. Throws when they are of something else. */
export function readContract(file: string): Contract {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(file)))
  const found = <T>(desc: T | undefined, name: string): T => {
    if (desc === undefined) throw new Error(`The suite has no ${name}.`)
    return desc
  }
  const named = (name: string): string => `connectrpc.conformance.v1.${name}`
  return {
    registry,
    service: found(registry.getService(named("ConformanceService")), "service"),
    message: (name) => found(registry.getMessage(named(name)), name),
  }
}

export interface Header {
  readonly name: string
  readonly value: readonly string[]
}

interface WantedError {
  readonly code: number
  readonly message?: string
  readonly details: readonly Any[]
}

/** What a request wants to be answered. */
export interface Wanted {
  readonly headers: readonly Header[]
  readonly trailers: readonly Header[]
  readonly data: readonly Uint8Array[]
  readonly error: WantedError | undefined
  /** Waits before an answer, as long as is wanted. */
  pause(): Promise<unknown>
}

interface Definition {
  readonly responseHeaders: readonly Header[]
  readonly responseTrailers: readonly Header[]
  readonly responseDelayMs: number
  /** Of calls with one answer. */
  readonly response?:
    | { readonly case: "responseData"; readonly value: Uint8Array }
    | { readonly case: "error"; readonly value: WantedError }
    | { readonly case: undefined }
  /** Of streams, likewise. */
  readonly responseData?: readonly Uint8Array[]
  readonly error?: WantedError
}

export function wantedOf(request: Message | undefined): Wanted {
  const definition = (request as { responseDefinition?: Definition } | undefined)?.responseDefinition
  const response = definition?.response
  return {
    headers: definition?.responseHeaders ?? [],
    trailers: definition?.responseTrailers ?? [],
    data: response?.case === "responseData" ? [response.value] : (definition?.responseData ?? []),
    error: response?.case === "error" ? response.value : definition?.error,
    pause: () => wait(definition?.responseDelayMs ?? 0),
  }
}

/** What a call brought, for the suite to compare with what it sent. */
export interface Received {
  readonly headers: readonly Header[]
  readonly timeoutMs: number | undefined
  readonly requests: readonly (readonly [DescMessage, Message])[]
  readonly query?: readonly Header[]
}

export function requestInfoOf({ message }: Contract, { headers, timeoutMs, requests, query = [] }: Received): Message {
  return make(message("ConformancePayload.RequestInfo"), {
    requestHeaders: headers,
    requests: requests.map(([desc, request]) => anyPack(desc, request)),
    ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(Math.floor(timeoutMs)) }),
    ...(query.length === 0 ? {} : { connectGetInfo: { queryParams: query } }),
  })
}

/** A message that the compiler does not know. */
export const make = (desc: DescMessage, init: object): Message => create(desc, init as never)
