import { VERSION } from "@posthorn/core"
import { publicFeeds, publicMethods, publicServices } from "../doors/methods.ts"
import { bindingsOf } from "../doors/rest-binding.ts"
import { cloudEventSchemas } from "./cloud-events.ts"
import { saidOf } from "./contract-words.ts"
import type { Schema } from "./field-rules.ts"
import { MessageSchemas } from "./message-schemas.ts"
import { operationOf, tagOf } from "./operations.ts"
import { otherPaths } from "./other-paths.ts"
import { errorSchema, headerComponents, refusalComponents, streamErrorSchema } from "./responses.ts"

const ABOUT = `Multi-tenant webhook delivery: publish an event, and it is delivered, signed and with retries, to every subscription that wants it.

- Names are in lowerCamelCase; requests may also have them in snake_case. Values of enums are the short words shown here; requests may also have their names of the protobuf contract.
- Null in a request says as much as leaving the field out. Times are RFC 3339.
- Send a key as \`Authorization: Bearer …\`. A key of an application implies the application; what belongs to another one is answered 404.
- Lists are newest first. Send \`nextPageToken\` of one answer as \`pageToken\` of the next request, with the same conditions, until it is empty.`

export interface OpenApi {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Schema>>>>
  readonly components: Schema
  readonly [name: string]: unknown
}

/** The description of the REST surface, OpenAPI 3.1, made from the contract that also serves it. */
export function openApiDocument(): OpenApi {
  const schemas = new MessageSchemas()
  const paths: Record<string, Record<string, Schema>> = {}
  for (const each of [...publicMethods, ...publicFeeds]) {
    for (const [at, binding] of bindingsOf(each).entries()) {
      const { path, method, operation } = operationOf(binding, at, schemas)
      paths[path] = { ...paths[path], [method]: operation }
    }
  }
  const tags = publicServices.map((service) => ({ name: tagOf(service), description: saidOf(service.typeName) }))
  return {
    openapi: "3.1.1",
    info: { title: "Posthorn", version: VERSION, description: ABOUT, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    servers: [{ url: "/" }],
    security: [{ key: [] }],
    tags: [...tags, { name: "Operations", description: "For those who run a gateway. No key is asked for." }],
    paths: { ...paths, ...(otherPaths as OpenApi["paths"]) },
    components: {
      securitySchemes: { key: { type: "http", scheme: "bearer", description: "The operator's key, or one of an application." } },
      headers: headerComponents,
      responses: refusalComponents,
      schemas: sorted({ Error: errorSchema, StreamError: streamErrorSchema, ...cloudEventSchemas, ...schemas.components }),
    },
  }
}

function sorted(schemas: Readonly<Record<string, Schema>>): Record<string, Schema> {
  return Object.fromEntries(Object.entries(schemas).toSorted(([one], [other]) => (one < other ? -1 : 1)))
}
