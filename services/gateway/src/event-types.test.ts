import { fromBinary } from "@bufbuild/protobuf"
import { ConnectError, createClient } from "@connectrpc/connect"
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node"
import { BadRequestSchema, EventAcceptedSchema, IngestService, type EventAccepted } from "@posthorn/proto"
import { afterAll, beforeAll, expect, test } from "vitest"
import { OPERATOR_KEY, startInstallation, type Answer, type GatewayUnderTest, type Installation } from "./gateway-under-test.ts"
import { project } from "./projecting-under-test.ts"

let installation: Installation
let gateway: GatewayUnderTest
let ask: GatewayUnderTest["ask"]
beforeAll(async () => {
  installation = await startInstallation()
  gateway = await installation.gateway()
  ask = gateway.ask
})
afterAll(async () => {
  await gateway?.stop()
  await installation?.stop()
})

const ORDER = {
  type: "object",
  required: ["id"],
  properties: {
    id: { type: "string", pattern: "^ord_" },
    total: { type: "number", minimum: 0 },
    email: { type: "string", format: "email" },
  },
}
const ok = (answer: Answer) => {
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300)
  return answer.body
}
const newApplication = async (payloadValidation = "off"): Promise<string> =>
  ok(await ask("POST /v1/applications", { body: { name: "shop", payloadValidation } })).id
const define = (application: string, body: object) => ask(`POST /v1/applications/${application}/event-types`, { body })
/** An application that has one event type, `order.created` with two versions. */
async function checking(payloadValidation: string): Promise<string> {
  const application = await newApplication(payloadValidation)
  ok(
    await define(application, {
      name: "order.created",
      versions: [
        { version: 2, schema: ORDER },
        { version: 1, schema: { type: "string" } },
      ],
    }),
  )
  return application
}
const publish = (applicationId: string, body: object) => ask("POST /v1/events", { body: { applicationId, type: "order.created", ...body } })

async function eventInLog(id: string): Promise<EventAccepted | undefined> {
  const ends = await installation.log.ends("events")
  const events: EventAccepted[] = []
  await installation.log.read(
    ends.map(({ partition, low, high }) => ({ topic: "events", partition, from: low, to: high })),
    (records) => events.push(...records.map(({ value }) => fromBinary(EventAcceptedSchema, value))),
  )
  return events.find(({ eventId }) => eventId === id)
}

test("an event type can be defined, read, changed, listed and deleted", async () => {
  const application = await newApplication()
  const path = `/v1/applications/${application}/event-types`
  const example = { id: "ord_1" }
  const made = await define(application, { name: "order.created", description: "d", versions: [{ version: 1, schema: ORDER, example }] })
  expect(made.status).toBe(201)
  expect(made.headers.get("etag")).toBe('"1"')
  const shown = {
    applicationId: application,
    name: "order.created",
    deprecated: false,
    predefined: false,
    versions: [{ version: 1, schema: ORDER, example }],
  }
  expect(made.body).toMatchObject(shown)
  expect(ok(await ask(`GET ${path}/order.created`))).toEqual(made.body)
  expect((await define(application, { name: "order.created" })).body).toMatchObject({ code: "already_exists" })

  const change = { body: { deprecated: true, name: "ignored", versions: [] } }
  expect((await ask(`PATCH ${path}/order.created`, { ...change, headers: { "if-match": '"7"' } })).status).toBe(409)
  expect(ok(await ask(`PATCH ${path}/order.created`, { ...change, headers: { "if-match": '"1"' } }))).toMatchObject({
    name: "order.created",
    description: "d",
    deprecated: true,
    versions: [],
    etag: "2",
  })
  expect((await ask(`DELETE ${path}/order.created`, { headers: { "if-match": '"1"' } })).status).toBe(409)
  ok(await ask(`DELETE ${path}/order.created`))
  expect((await ask(`GET ${path}/order.created`)).status).toBe(404)
  expect((await ask(`PATCH ${path}/order.created`, change)).status).toBe(404)
})

test("predefined names are there without being defined, and come back when their definition goes", async () => {
  const application = await newApplication()
  const path = `/v1/applications/${application}/event-types`
  expect(ok(await ask(`GET ${path}/data.created`))).toMatchObject({ predefined: true, versions: [], etag: "" })
  expect((await ask(`DELETE ${path}/data.created`)).body).toMatchObject({ code: "failed_precondition" })
  expect(ok(await define(application, { name: "data.created", versions: [{ version: 1, schema: ORDER }] }))).toMatchObject({
    predefined: true,
  })
  ok(await ask(`DELETE ${path}/data.created`))
  expect(ok(await ask(`GET ${path}/data.created`))).toMatchObject({ predefined: true, versions: [] })
  expect(ok(await ask(`PATCH ${path}/system.error`, { body: { description: "mine" } }))).toMatchObject({
    predefined: true,
    description: "mine",
  })
})

test("pages of event types hold own and predefined ones once, by name", async () => {
  const application = await newApplication()
  for (const name of ["a.first", "data.created", "zebra"]) ok(await define(application, { name }))
  const seen: string[] = []
  for (let token = "", pages = 0; pages === 0 || token !== ""; pages++) {
    const page = ok(await ask(`GET /v1/applications/${application}/event-types?pageSize=4&pageToken=${token}`))
    seen.push(...page.eventTypes.map(({ name }: { name: string }) => name))
    token = page.nextPageToken
  }
  expect(seen).toEqual(seen.toSorted((a, b) => (a < b ? -1 : 1)))
  expect(new Set(seen).size).toBe(seen.length)
  expect(seen).toHaveLength(14)
  expect((await ask(`GET /v1/applications/${application}/event-types?pageToken=!`)).status).toBe(400)
})

test("event types are managed by admins, read by viewers, and not there for other applications", async () => {
  const [mine, theirs] = [await checking("off"), await checking("off")]
  const key = async (role: string) => ok(await ask(`POST /v1/applications/${mine}/keys`, { body: { role, name: role } })).token as string
  const [admin, viewer, sender] = [await key("admin"), await key("viewer"), await key("sender")]
  const status = async (route: string, token: string, body?: object) => (await ask(route, { key: token, ...(body ? { body } : {}) })).status
  const path = `/v1/applications/${mine}/event-types`
  for (const [token, read, write] of [
    [admin, 200, 200],
    [viewer, 200, 403],
    [sender, 403, 403],
  ] as const) {
    expect(await status(`GET ${path}/order.created`, token)).toBe(read)
    expect(await status(`PATCH ${path}/order.created`, token, { description: "x" })).toBe(write)
    expect(await status(`POST ${path}:import`, token, { document: { openapi: "3.1.0" } })).toBe(write)
  }
  for (const application of [theirs, "app_00000000000000000000000000"]) {
    const foreign = `/v1/applications/${application}/event-types`
    const routes = [
      `GET ${foreign}`,
      `GET ${foreign}/order.created`,
      `PATCH ${foreign}/order.created`,
      `DELETE ${foreign}/order.created`,
      `POST ${foreign}`,
      `POST ${foreign}:import`,
    ]
    for (const route of routes) {
      const body = route.startsWith("POST") ? { name: "a.b" } : { description: "x" }
      const answer = await ask(route, {
        key: admin,
        ...(route.startsWith("P") ? { body: route.endsWith("import") ? { document: { openapi: "3.1.0" } } : body } : {}),
      })
      expect(answer.body, route).toMatchObject({ code: "not_found", message: "There is no such application." })
    }
  }
})

test("a schema that cannot be used is refused with the place of its fault", async () => {
  const application = await newApplication()
  const versions = [
    { version: 1, schema: { properties: { a: { type: "strnig" } } } },
    { version: 1, schema: { $ref: "https://example.com/schema" } },
  ]
  const answer = await define(application, { name: "a.b", versions })
  expect(answer.status).toBe(400)
  expect(answer.body.details.map(({ field }: { field: string }) => field)).toEqual([
    "event_type.versions[0].schema/properties/a/type",
    "event_type.versions[1].schema/$ref",
  ])
  const twice = await define(application, { name: "a.b", versions: [{ version: 3 }, { version: 3 }] })
  expect(twice.body.details).toEqual([{ field: "event_type.versions[1].version", reason: "is there twice" }])
  const huge = await define(application, { name: "a.b", versions: [{ version: 1, schema: { const: "x".repeat(70_000) } }] })
  expect(huge.body.details).toMatchObject([{ field: "event_type.versions[0].schema" }])
})

test("payloads are not looked at unless the application wants it", async () => {
  const application = await checking("off")
  ok(await publish(application, { data: { id: 1 }, typeVersion: 77 }))
})

test("under enforce a payload that does not fit is refused on every door, with every place", async () => {
  const application = await checking("enforce")
  const wrong = { id: "x", total: -1, email: "nobody" }
  const details = [
    { field: "data/id", reason: 'must match pattern "^ord_"' },
    { field: "data/total", reason: "must be >= 0" },
    { field: "data/email", reason: 'must match format "email"' },
  ]
  const refused = await publish(application, { data: wrong })
  expect(refused).toMatchObject({ status: 422, body: { code: "invalid_argument", details } })
  ok(await publish(application, { data: { id: "ord_1" } }))
  // The same bytes in base64; what is no JSON is not checked.
  expect((await publish(application, { payload: Buffer.from(JSON.stringify(wrong)).toString("base64") })).status).toBe(422)
  ok(await publish(application, { payload: "AAAA", contentType: "application/octet-stream" }))

  const { results } = ok(
    await ask("POST /v1/events:batch", {
      body: {
        events: [
          { applicationId: application, type: "order.created", data: wrong },
          { applicationId: application, type: "other", data: wrong },
        ],
      },
    }),
  )
  expect(results).toMatchObject([{ refused: { code: "invalid_argument", details } }, { accepted: { duplicate: false } }])

  const headers = { authorization: `Bearer ${OPERATOR_KEY}` }
  for (const transport of [
    createConnectTransport({ baseUrl: gateway.httpUrl, httpVersion: "1.1" }),
    createGrpcTransport({ baseUrl: `http://${gateway.grpcAddress}` }),
  ]) {
    const client = createClient(IngestService, transport)
    const request = {
      applicationId: application,
      type: "order.created",
      content: { case: "payload", value: Buffer.from(JSON.stringify(wrong)) },
    } as const
    const error = await client.publish(request, { headers }).catch((cause: unknown) => ConnectError.from(cause))
    if (!(error instanceof ConnectError)) throw new Error("was accepted")
    expect(
      error.findDetails(BadRequestSchema)[0]?.fieldViolations.map(({ field, description }) => ({ field, reason: description })),
    ).toEqual(details)
    expect(
      (
        await client.publish(
          { ...request, typeVersion: 1, content: { case: "data", value: { kind: { case: "stringValue", value: "x" } } } },
          { headers },
        )
      ).id,
    ).toMatch(/^evt_/)
  }

  const subscription = ok(
    await ask(`POST /v1/applications/${application}/subscriptions`, {
      body: { url: "https://example.com/", source: { scheme: "none" } },
    }),
  )
  const ingest = (body: string) =>
    ask(`POST /v1/ingest/${subscription.id}`, {
      key: null,
      body,
      headers: { "content-type": "application/json", "x-webhook-event": "order.created" },
    })
  expect(await ingest(JSON.stringify(wrong))).toMatchObject({ status: 422, body: { details } })
  expect((await ingest("{no json")).body.details).toEqual([{ field: "data", reason: "must be JSON in UTF-8, as its content type says" }])
  ok(await ingest('{"id":"ord_2"}'))
})

test("a payload is checked by the version that it names, the newest otherwise, and one that there is not is no version", async () => {
  const application = await checking("enforce")
  ok(await publish(application, { data: "text", typeVersion: 1 }))
  expect((await publish(application, { data: "text" })).status).toBe(422)
  ok(await publish(application, { data: { id: "ord_1" }, type_version: 2 }))
  for (const type of ["order.created", "never.defined"])
    expect((await publish(application, { type, data: 1, typeVersion: 3 })).body).toMatchObject({
      code: "invalid_argument",
      details: [{ field: "type_version", reason: `${type} has no version 3` }],
    })
  ok(await publish(application, { type: "never.defined", data: 1 }))
  expect((await publish(application, { data: 1, typeVersion: 1.5 })).status).toBe(400)
  expect((await publish(application, { data: 1, typeVersion: -1 })).body.details).toEqual([
    { field: "type_version", reason: "must be a number from 1" },
  ])
})

test("under warn a payload that does not fit is accepted as it is, and the event shows where it does not fit", async () => {
  const application = await checking("warn")
  const { id } = ok(await publish(application, { data: { id: 7 } }))
  const violations = [{ field: "data/id", reason: "must be string" }]
  const recorded = await eventInLog(id)
  expect(Buffer.from(recorded!.payload).toString()).toBe('{"id":7}')
  expect(recorded!.schemaViolations).toMatchObject(violations)
  const { id: unknown } = ok(await publish(application, { data: { id: "ord_1" }, typeVersion: 9 }))
  await project(installation.log, installation.store)
  expect(ok(await ask(`GET /v1/events/${id}`)).schemaViolations).toEqual(violations)
  expect(ok(await ask(`GET /v1/events/${unknown}`)).schemaViolations).toEqual([
    { field: "type_version", reason: "order.created has no version 9" },
  ])
})

test("a change of a schema holds from its answer on, and a deleted event type takes any payload", async () => {
  const application = await checking("enforce")
  const path = `/v1/applications/${application}/event-types/order.created`
  for (const type of ["number", "boolean"]) {
    ok(await ask(`PATCH ${path}`, { body: { versions: [{ version: 5, schema: { type } }] } }))
    expect((await publish(application, { data: 1 })).status).toBe(type === "number" ? 202 : 422)
  }
  ok(await ask(`DELETE ${path}`))
  ok(await publish(application, { data: 1 }))
})

test("a schema whose check takes too long refuses the event, and neither the gateway nor other applications wait for it", async () => {
  const [hostile, other] = [await newApplication("enforce"), await checking("enforce")]
  // Each step asks the next one twice: 2^40 checks of one number.
  const steps = Array.from({ length: 40 }, (_, step) => [`s${step}`, { allOf: [1, 2].map(() => ({ $ref: `#/$defs/s${step + 1}` })) }])
  const schema = { $ref: "#/$defs/s0", $defs: { ...Object.fromEntries(steps), s40: { type: "number" } } }
  ok(await define(hostile, { name: "order.created", versions: [{ version: 1, schema }] }))
  const answers = await Promise.all([
    ...Array.from({ length: 3 }, () => publish(hostile, { data: 1 })),
    ...Array.from({ length: 3 }, (_, index) => publish(other, { data: { id: `ord_${index}` } })),
  ])
  // Whichever of them came first.
  const refused = answers.slice(0, 3).toSorted((a, b) => a.status - b.status)
  expect(refused.map(({ status }) => status)).toEqual([422, 429, 429])
  expect(refused[0]!.body.details).toEqual([{ field: "data", reason: "could not be checked within 1000 ms" }])
  expect(refused[1]).toMatchObject({ body: { code: "resource_exhausted" } })
  expect(refused[1]!.headers.get("retry-after")).toBe("10")
  expect(answers.slice(3).map(({ status }) => status)).toEqual([202, 202, 202])
  // What has no schema is not held up by it.
  ok(await publish(hostile, { type: "another", data: 1 }))
})

test("the webhooks of an OpenAPI document become event types, and a schema that changed becomes a version", async () => {
  const application = await newApplication()
  const path = `POST /v1/applications/${application}/event-types:import`
  const hook = (schema: object, more: object = {}) => ({
    post: { summary: "s", requestBody: { content: { "application/json": { schema, ...more } } } },
  })
  const document = (total: string) => ({
    openapi: "3.1.0",
    webhooks: {
      "order.paid": hook({ $ref: "#/components/schemas/Order" }, { example: { id: "1" } }),
      "not a name": hook({}),
      "bad.schema": hook({ type: "strnig" }),
    },
    components: {
      schemas: { Order: { type: "object", properties: { total: { $ref: "#/components/schemas/Money" } } }, Money: { type: total } },
    },
  })
  const results = async (body: object) =>
    ok(await ask(path, { body })).results.map(({ name, result, version }: { name: string; result: string; version: number }) => [
      name,
      result,
      version,
    ])
  const refused = [
    ["not a name", "refused", 0],
    ["bad.schema", "refused", 0],
  ]
  expect(await results({ document: document("number"), dryRun: true })).toEqual([["order.paid", "created", 1], ...refused])
  expect((await ask(`GET /v1/applications/${application}/event-types/order.paid`)).status).toBe(404)
  expect(await results({ document: document("number") })).toEqual([["order.paid", "created", 1], ...refused])
  expect(await results({ document: document("number") })).toEqual([["order.paid", "unchanged", 1], ...refused])
  expect(await results({ document: document("integer") })).toEqual([["order.paid", "updated", 2], ...refused])
  expect(ok(await ask(`GET /v1/applications/${application}/event-types/order.paid`))).toMatchObject({
    description: "s",
    versions: [
      { version: 1, example: { id: "1" } },
      { version: 2, schema: { $ref: "#/$defs/Order", $defs: { Order: { type: "object" }, Money: { type: "integer" } } } },
    ],
  })
  expect((await ask(path, { body: { document: { openapi: "3.0.3" } } })).status).toBe(400)
})
