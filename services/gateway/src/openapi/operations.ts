import type { DescField, DescMessage, DescService } from "@bufbuild/protobuf"
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt"
import { limits } from "@posthorn/core"
import { EventService, IngestService, RoleSchema } from "@posthorn/proto"
import { wordOf } from "../doors/enum-words.ts"
import { isCommand } from "../doors/keyed-request.ts"
import { roleOf } from "../doors/methods.ts"
import { maskedResource } from "../doors/request-rules.ts"
import type { Binding, RoutedMethod } from "../doors/rest-binding.ts"
import { etagPlace, isParameter } from "../doors/rest-request.ts"
import { resumeFieldOf } from "../doors/resume-field.ts"
import { cloudEventContent } from "./cloud-events.ts"
import { saidOfField, saidOfMethod } from "./contract-words.ts"
import { keywordsOf, neededFields, type Schema } from "./field-rules.ts"
import type { MessageSchemas, Purpose } from "./message-schemas.ts"
import { answerHeaders, refusalsOf, UNKNOWN_BODY } from "./responses.ts"

/** Where an operation is in the document, and what it says. */
export interface PlacedOperation {
  readonly path: string
  readonly method: string
  readonly operation: Schema
}

/** One way to call a method over REST; `at` counts the ways of one method. */
export function operationOf(binding: Binding, at: number, schemas: MessageSchemas): PlacedOperation {
  const { method, template, httpMethod, status } = binding
  const variables = variablesOf(binding)
  const role = wordOf(RoleSchema, roleOf(method)) ?? ""
  const body = bodySchema(binding, schemas, variables)
  return {
    path: template.replaceAll(/\{([a-z_]+)(?:=\*)?\}/g, (_, name: string) => `{${jsonNameOf(method, name)}}`),
    method: httpMethod.toLowerCase(),
    operation: {
      operationId: binding.replaces ? method.localName.replace(/^update/, "replace") : `${method.localName}${at === 0 ? "" : at + 1}`,
      tags: [tagOf(method.parent)],
      summary: firstSentence(saidOfMethod(method)),
      description: `${saidOfMethod(method)}\n\nRequired role: \`${role}\`.`,
      "x-required-role": role,
      parameters: [
        ...[...variables].map((field) => ({ name: field.jsonName, in: "path", required: true, ...parameterOf(field, schemas) })),
        ...queryFields(binding, variables).map((field) => queryParameter(field, schemas)),
        ...headerParameters(binding),
      ],
      ...(body === undefined ? {} : { requestBody: { required: isNeeded(body, schemas), content: contentOf(method, body) } }),
      responses: {
        [status]: answerOf(binding, schemas),
        ...refusalsOf({
          body: body !== undefined,
          finds: namesSomething(method.input),
          changes: httpMethod !== "GET",
          payload: method === IngestService.method.publish,
        }),
      },
    },
  }
}

export const tagOf = ({ name }: DescService): string => name.replace(/Service$/, "")

const firstSentence = (text: string): string => (text.replaceAll("\n", " ").split(/(?<=[a-z`)])\. /, 1)[0] ?? "").replace(/\.$/, "")

/** Whether a request, or a filter in it, names something by its id. */
const namesSomething = ({ fields }: DescMessage): boolean =>
  fields.some(({ name, message }) => name.endsWith("_id") || (name === "filter" && message !== undefined && namesSomething(message)))

function variablesOf({ method, template }: Binding): ReadonlySet<DescField> {
  const names = [...template.matchAll(/\{([a-z_]+)/g)].map(([, name]) => name)
  return new Set(method.input.fields.filter(({ name }) => names.includes(name)))
}

function jsonNameOf({ input }: RoutedMethod, name: string): string {
  return input.fields.find((field) => field.name === name)?.jsonName ?? name
}

/** A query cannot write what has members of its own. */
function queryFields(binding: Binding, variables: ReadonlySet<DescField>): DescField[] {
  const writable = ({ fieldKind, message }: DescField) =>
    fieldKind !== "map" && (message === undefined || message.typeName.startsWith("google.protobuf."))
  return binding.method.input.fields.filter((field) => !variables.has(field) && isParameter(binding, field) && writable(field))
}

/** An empty value says as much as none. */
function queryParameter(field: DescField, schemas: MessageSchemas): Schema {
  const presence = neededFields(field.parent).has(field) ? { required: true } : { allowEmptyValue: true }
  if (field.message?.typeName !== FieldMaskSchema.typeName)
    return { name: field.jsonName, in: "query", ...presence, ...parameterOf(field, schemas) }
  const names = maskedResource(field.parent)?.resource.message.fields.map(({ jsonName }) => jsonName)
  const schema = { type: "array", minItems: 1, items: { type: "string", enum: names } }
  return { name: field.jsonName, in: "query", ...presence, style: "form", explode: false, description: saidOfField(field), schema }
}

function parameterOf(field: DescField, schemas: MessageSchemas): Schema {
  const { description, ...schema } = schemas.schemaOf(field, "request")
  return { ...(description === undefined ? {} : { description }), schema }
}

function headerParameters({ method }: Binding): Schema[] {
  const parameters: Schema[] = []
  if (etagPlace(method.input) !== undefined)
    parameters.push({
      name: "If-Match",
      in: "header",
      description:
        "The etag of the state that is meant to change, in quotes; the request is refused with 409 when it is another one by now.",
      schema: { type: "string" },
    })
  if (method.methodKind === "server_streaming")
    parameters.push({
      name: "Last-Event-ID",
      in: "header",
      description: `What browsers send when they open a stream again: stands for \`${resumeFieldOf(method).jsonName}\`.`,
      schema: { type: "string" },
    })
  const key = method.input.fields.find(({ name }) => name === "idempotency_key")
  const description =
    key === undefined
      ? "A request with a key is carried out once, however often it is sent, for at least 24 hours; the same key with another request is refused with 409."
      : `As \`idempotencyKey\` in the body, which may not be another one. ${saidOfField(key)}`
  const plain = { maxLength: limits.IDEMPOTENCY_KEY_LENGTH_MAX, pattern: String.raw`^[\x20-\x7e]*$` }
  const schema = { type: "string", ...(key === undefined ? plain : keywordsOf(key)) }
  if (key !== undefined || isCommand(method)) parameters.push({ name: "Idempotency-Key", in: "header", description, schema })
  return parameters
}

function bodySchema({ body, method, mask }: Binding, schemas: MessageSchemas, variables: ReadonlySet<DescField>): Schema | undefined {
  if (body === undefined) return undefined
  const purpose: Purpose = mask === undefined ? "request" : "patch"
  if (body !== "*") return schemas.refTo(body.message, purpose)
  return variables.size === 0
    ? schemas.refTo(method.input, purpose)
    : schemas.objectOf(method.input, purpose, new Set([...variables].map(({ name }) => name)))
}

function contentOf(method: RoutedMethod, body: Schema): Schema {
  return { "application/json": { schema: body }, ...(method === IngestService.method.publish ? cloudEventContent : {}) }
}

/** A body of no bytes says as much as an empty object. */
function isNeeded(body: Schema, schemas: MessageSchemas): boolean {
  const { required, minProperties } = schemas.resolve(body)
  return required !== undefined || minProperties !== undefined
}

function answerOf({ method, answered, status }: Binding, schemas: MessageSchemas): Schema {
  const description = status === 201 ? "Created." : status === 202 ? "Accepted: the log has it." : "Done."
  if (method === EventService.method.getEventPayload)
    return { description: "The payload as it was received.", ...answerHeaders([]), content: UNKNOWN_BODY }
  if (method.methodKind === "server_streaming")
    return { description: STREAM, ...answerHeaders([]), content: streamContent(method, schemas) }
  const message = answered?.message ?? method.output
  const etag = answered !== undefined && "etag" in message.field ? ["ETag"] : []
  return { description, ...answerHeaders(etag), content: { "application/json": { schema: answerSchema(method, message, schemas) } } }
}

const STREAM =
  "A stream: an object a line, or server-sent events with the same as data when the request accepts `text/event-stream`. What goes wrong after the beginning is its last line, `{error}`."

function streamContent({ output }: RoutedMethod, schemas: MessageSchemas): Schema {
  const line = { anyOf: [schemas.refTo(output, "answer"), { $ref: "#/components/schemas/StreamError" }] }
  return { "application/x-ndjson": { schema: line }, "text/event-stream": { schema: { type: "string" } } }
}

/** Publishing a batch of CloudEvents is answered as publishing a batch. */
function answerSchema(method: RoutedMethod, message: DescMessage, schemas: MessageSchemas): Schema {
  const schema = schemas.refTo(message, "answer")
  return method === IngestService.method.publish
    ? { anyOf: [schema, schemas.refTo(IngestService.method.publishBatch.output, "answer")] }
    : schema
}
