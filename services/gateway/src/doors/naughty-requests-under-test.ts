/** Requests with one text in every place that takes text, found from the descriptors, over every door. */
import { Agent, request as httpRequest } from "node:http"
import { text } from "node:stream/consumers"
import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescMethodUnary,
  fromJson,
  getOption,
  type JsonObject,
  type JsonValue,
  type Message,
  ScalarType,
  toJson,
} from "@bufbuild/protobuf"
import { Code, ConnectError, type Transport } from "@connectrpc/connect"
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node"
import { BadRequestSchema, fieldRules } from "@posthorn/proto"
import { bindingsOf } from "./rest-binding.ts"
import { maskedResource } from "./request-rules.ts"

/** What stands where: the naughty text in every place but those that keep something tame. */
export interface Filling {
  readonly naughty: string
  /** Places, as refusals name them, that keep what they need to be acceptable. */
  readonly tame: ReadonlySet<string>
}

/** A request in JSON, as REST and protobuf both read it. */
export function requestWith(method: DescMethodUnary, filling: Filling): JsonObject {
  const inPath = filling.naughty === "" ? pathVariables(method) : []
  return filled(method.input, { ...filling, tame: new Set([...filling.tame, ...inPath]) }, "")
}

function filled(desc: DescMessage, filling: Filling, path: string): JsonObject {
  const entries = desc.fields.map((field) => {
    const place = path + field.name
    const value = filling.tame.has(place) ? undefined : naughtyValue(field, filling, place)
    return [field.jsonName, value ?? tameValue(field, place)] as const
  })
  return Object.fromEntries(entries.filter((entry): entry is readonly [string, JsonValue] => entry[1] !== undefined))
}

function naughtyValue(field: DescField, filling: Filling, place: string): JsonValue | undefined {
  const { naughty } = filling
  const named: JsonValue = { [naughty]: naughty }
  if (field.fieldKind === "map") return field.mapKind === "scalar" && field.scalar === ScalarType.STRING ? named : undefined
  if (field.fieldKind === "enum" || (field.fieldKind === "list" && field.listKind === "enum")) return undefined
  const value = field.message === undefined ? undefined : messageWith(field.message, filling, `${place}.`)
  const one = "scalar" in field && field.scalar === ScalarType.STRING ? naughty : value
  return one === undefined || field.fieldKind !== "list" ? one : [one]
}

function messageWith(desc: DescMessage, filling: Filling, path: string): JsonValue | undefined {
  if (desc.typeName === "google.protobuf.Struct") return { [filling.naughty]: filling.naughty }
  if (desc.typeName === "google.protobuf.Value") return filling.naughty
  if (desc.typeName.startsWith("google.protobuf.")) return undefined
  return takesText(desc) ? filled(desc, filling, path) : undefined
}

function takesText(desc: DescMessage): boolean {
  return desc.fields.some((field) => naughtyValue(field, { naughty: "", tame: new Set() }, "") !== undefined)
}

/** The least that the rules of a field ask for. */
function tameValue(field: DescField, place: string): JsonValue | undefined {
  const rules = getOption(field, fieldRules)
  const { case: kind, value } = rules.type
  if (kind === "string") return value.example[0] ?? ((value.minLen ?? 0n) > 0n ? "a" : undefined)
  if (kind === "int32" && value.greaterThan.case === "gte" && value.greaterThan.value > 0) return value.greaterThan.value
  if (kind === "enum" && value.notIn.includes(0) && field.fieldKind === "enum") return firstOther(field.enum, value.notIn)
  if (!rules.required || field.fieldKind !== "message") return undefined
  if (field.message.typeName === "google.protobuf.Timestamp") return "2031-05-06T07:08:09Z"
  return filled(field.message, { naughty: "", tame: everything }, `${place}.`)
}

const everything: ReadonlySet<string> = Object.assign(new Set<string>(), { has: () => true })

const firstOther = (desc: DescEnum, notIn: readonly number[]): string | undefined =>
  desc.values.find(({ number }) => !notIn.includes(number))?.name

const pathVariables = (method: DescMethodUnary): string[] =>
  bindingsOf(method)
    .slice(0, 1)
    .flatMap(({ template }) => [...template.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name))

/** The same as a message; a mask names what a PATCH of this JSON would change. */
export function messageOf(method: DescMethodUnary, json: JsonObject): Message {
  const masked = maskedResource(method.input)
  const members = masked === undefined ? undefined : json[masked.resource.jsonName]
  if (masked === undefined || members === undefined) return fromJson(method.input, json)
  const paths = Object.keys(members as JsonObject).filter((name) => name !== "etag")
  return fromJson(method.input, { ...json, [masked.mask.jsonName]: paths.join() })
}

export interface Refused {
  readonly code: string
  readonly fields: readonly string[]
}

/** An answer in protobuf's JSON; of REST, of the field that it answers. */
export type Outcome = { readonly refused: Refused } | { readonly answered: JsonObject }
export type Send = (method: DescMethodUnary, json: JsonObject) => Promise<Outcome>

/** Every way into a gateway. */
export function everyDoor(httpUrl: string, grpcUrl: string, key: string): Readonly<Record<string, Send>> {
  const headers = { authorization: `Bearer ${key}` }
  const connect = { baseUrl: httpUrl, httpVersion: "1.1" } as const
  return {
    rest: overRest(httpUrl, headers),
    "connect, JSON": typed(createConnectTransport({ ...connect, useBinaryFormat: false }), headers),
    "connect, binary": typed(createConnectTransport({ ...connect, useBinaryFormat: true }), headers),
    "grpc-web": typed(createGrpcWebTransport(connect), headers),
    grpc: typed(createGrpcTransport({ baseUrl: grpcUrl }), headers),
  }
}

function typed(transport: Transport, headers: Readonly<Record<string, string>>): Send {
  return async (method, json) => {
    try {
      const { message } = await transport.unary(method, undefined, undefined, headers, messageOf(method, json))
      return { answered: toJson(method.output, message) as JsonObject }
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error
      const violations = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations)
      const code = (Code[error.code] ?? "").replace(/(?<=.)[A-Z]/g, "_$&").toLowerCase()
      return { refused: { code, fields: violations.map(({ field }) => field).toSorted() } }
    }
  }
}

function overRest(url: string, headers: Readonly<Record<string, string>>): Send {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return async (method, json) => {
    const [binding] = bindingsOf(method)
    if (binding === undefined) throw new Error(`${method.name} has no route`)
    const left = new Map(Object.entries(json))
    const take = (name: string): string => {
      const field = method.input.fields.find((one) => one.name === name)
      const value = left.get(field?.jsonName ?? "")
      left.delete(field?.jsonName ?? "")
      return encodeURIComponent(textIn(value))
    }
    const path = binding.template.replaceAll(/\{(\w+)\}/g, (_, name: string) => take(name))
    const whole = binding.body === "*" ? Object.fromEntries(left) : undefined
    const body = whole ?? (binding.body === undefined || binding.body === "*" ? undefined : left.get(binding.body.jsonName))
    if (binding.body === "*") left.clear()
    else if (binding.body !== undefined) left.delete(binding.body.jsonName)
    const query = new URLSearchParams()
    for (const [name, value] of left) for (const one of [value].flat()) query.append(name, textIn(one))
    // Not a URL: whoever makes one of these takes dots in it for ways.
    const options = {
      agent,
      method: binding.httpMethod,
      path: `${path}?${query.toString()}`,
      headers: { ...headers, "content-type": "application/json" },
    }
    const { status, answer } = await new Promise<{ status: number; answer: string }>((resolve, reject) => {
      const request = httpRequest(url, options, (response) => {
        text(response).then((answered) => resolve({ status: response.statusCode ?? 0, answer: answered }), reject)
      })
      request.on("error", reject)
      request.end(body === undefined ? undefined : JSON.stringify(body))
    })
    const answered = JSON.parse(answer === "" ? "{}" : answer) as JsonObject & {
      code: string
      details: readonly { readonly field: string }[]
    }
    if (status < 300) return { answered }
    return { refused: { code: answered.code, fields: answered.details.map(({ field }) => field).toSorted() } }
  }
}

/** What a path or a query takes. */
function textIn(value: JsonValue | undefined): string {
  if (value === undefined || value === null || typeof value === "object")
    throw new Error("There is a field that has no place in the address.")
  return String(value)
}

/** The place that a refusal names, without what is in it. */
export const placeOf = (field: string): string => field.split("[", 1)[0] ?? field
