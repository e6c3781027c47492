import { create, type JsonObject, toJson } from "@bufbuild/protobuf"
import { limits } from "@posthorn/core"
import { PublishRequestSchema } from "@posthorn/proto"
import fc from "fast-check"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { openRequest, openTestDoors, type TestDoors } from "./doors-under-test.ts"
import { publishInputOf } from "./publish-input.ts"

let doors: TestDoors
beforeAll(async () => {
  doors = await openTestDoors()
})
afterAll(() => doors.close())
beforeEach(() => {
  doors.published.length = 0
  doors.ingested.length = 0
})

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString()

describe("POST /v1/events", () => {
  test.each(['{ "b" : 1.0,\n "a":1e2, "a":"\\u00e9" }', "12345678901234567890.10", '"x"', "null", "[ ]", " \t{}\r\n "])(
    "keeps the bytes of data: %j",
    async (data) => {
      const { status, json } = await doors.rest("POST", "/v1/events", `{"type":"order.created","data":${data},"applicationId":"app_1"}`)
      expect([status, json]).toEqual([202, { id: "evt_1", duplicate: false }])
      expect(text(doors.published[0]?.payload)).toBe(data.trim())
      expect(doors.published[0]).toMatchObject({ applicationId: "app_1", type: "order.created", wellFormed: true })
    },
  )

  test("reads every field, in either spelling", async () => {
    const both = [
      '{"application_id":"a","type":"t","content_type":"text/plain","payload":"aGk=","id":"i","idempotency_key":"k","metadata":{"m":"n"},"occurred_at":"1970-01-01T00:00:01Z","deliver_at":"1970-01-01T00:00:02Z","type_version":3}',
      '{"applicationId":"a","type":"t","contentType":"text/plain","payload":"aGk=","id":"i","idempotencyKey":"k","metadata":{"m":"n"},"occurredAt":"1970-01-01T00:00:01Z","deliverAt":"1970-01-01T00:00:02Z","typeVersion":"3"}',
    ]
    for (const body of both) await doors.rest("POST", "/v1/events", body)
    expect(doors.published).toHaveLength(2)
    for (const input of doors.published) {
      expect({ ...input, payload: text(input.payload) }).toEqual({
        applicationId: "a",
        type: "t",
        contentType: "text/plain",
        payload: "hi",
        id: "i",
        idempotencyKey: "k",
        metadata: { m: "n" },
        occurredAtMs: 1000,
        deliverAtMs: 2000,
        typeVersion: 3,
        wellFormed: false,
      })
    }
  })

  test("reads the same as the typed doors do", async () => {
    const request = fc.record(
      {
        type: fc.string(),
        id: fc.string(),
        idempotencyKey: fc.string(),
        contentType: fc.string(),
        metadata: fc.dictionary(fc.string(), fc.string()),
        typeVersion: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        data: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(request, async ({ data, ...fields }) => {
        const message = create(PublishRequestSchema, fields)
        const body = {
          ...(toJson(PublishRequestSchema, message) as JsonObject),
          ...(data === undefined ? {} : { data: JSON.parse(JSON.stringify(data)) as JsonObject }),
        }
        doors.published.length = 0
        expect((await doors.rest("POST", "/v1/events", JSON.stringify(body).toWellFormed())).status).toBe(
          fields.type === "refuse.me" ? 400 : 202,
        )
        expect({ ...doors.published[0], payload: "" }).toEqual({ ...publishInputOf(message), payload: "" })
        expect(text(doors.published[0]?.payload)).toBe(JSON.stringify(data ?? null))
      }),
      { numRuns: 50 },
    )
  })

  test("takes the key of the header, unless the body has another", async () => {
    await doors.rest("POST", "/v1/events", { type: "t" }, { "idempotency-key": "k" })
    await doors.rest("POST", "/v1/events", { type: "t", idempotencyKey: "k" }, { "idempotency-key": "k" })
    expect(doors.published.map(({ idempotencyKey }) => idempotencyKey)).toEqual(["k", "k"])
    expect((await doors.rest("POST", "/v1/events", { type: "t", idempotencyKey: "other" }, { "idempotency-key": "k" })).status).toBe(400)
  })

  test("names everything that it cannot read", async () => {
    const body =
      '{"type":1,"colour":2,"metadata":{"a":1},"occurredAt":"now","data":1,"payload":"aGk=","toString":1,"__proto__":{},"id":"a","contentType":"b","content_type":"c"}'
    const { status, json } = await doors.rest("POST", "/v1/events", body)
    expect(status).toBe(400)
    expect(json.details.map(({ field }: { field: string }) => field)).toEqual([
      "type",
      "colour",
      "metadata",
      "occurred_at",
      "payload",
      "toString",
      "__proto__",
      "content_type",
    ])
    expect(doors.published).toHaveLength(0)
  })

  test.each(["{", '{"data":1,"data":2}', '{"type":"\\udc00"}', '{"data":"\\ud800x"}', '{"data":[1,]}', "null", ""])(
    "refuses %j",
    async (body) => {
      expect((await doors.rest("POST", "/v1/events", body)).status).toBe(400)
      expect(doors.published).toHaveLength(0)
    },
  )

  test("refuses a body that announces too much before it is sent", async () => {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const request = openRequest(`${doors.url}/v1/events`, {
      "content-type": "application/json",
      "content-length": String(limits.PUBLISH_BYTES_MAX + 1),
    })
    request.on("response", (response) => resolve(response.statusCode ?? 0)).on("error", reject)
    request.flushHeaders()
    expect(await promise).toBe(413)
    request
      .off("error", reject)
      .on("error", () => undefined)
      .destroy()
  })

  test("refuses a body that turns out too large while it comes in, and the connection stays usable", async () => {
    const body = new ReadableStream({
      start(controller) {
        for (let sent = 0; sent <= limits.PUBLISH_BYTES_MAX; sent += 65536) controller.enqueue(Buffer.alloc(65536, 0x20))
        controller.close()
      },
    })
    const reply = await fetch(`${doors.url}/v1/events`, {
      method: "POST",
      body,
      duplex: "half",
      headers: { authorization: "Bearer sender", "content-type": "application/json" },
    })
    expect([reply.status, ((await reply.json()) as { code: string }).code]).toEqual([413, "invalid_argument"])
    expect((await doors.rest("POST", "/v1/events", { type: "t" })).status).toBe(202)
  })

  test("answers who may not publish before it reads what they sent", async () => {
    expect((await doors.rest("POST", "/v1/events", "{", { authorization: "Bearer viewer" })).status).toBe(403)
    expect((await doors.rest("POST", "/v1/events", "{", { authorization: "" })).status).toBe(401)
  })
})

describe("POST /v1/events:batch", () => {
  test("answers each event for itself, in order, with the bytes of each", async () => {
    const body =
      '{"events": [ {"type":"a","data":{ "x":1.0 }}, {"type":"refuse.me"}, 7, {"type":"b","nope":1},\n{"type":"c","data":[1, 2],"data":3}, {"data" :"]" ,"type":"d"} ] }'
    const { status, json } = await doors.rest("POST", "/v1/events:batch", body)
    expect(status).toBe(202)
    expect(
      json.results.map(
        (result: { refused?: { details: { field: string }[] } }) => result.refused?.details.map(({ field }) => field) ?? "accepted",
      ),
    ).toEqual(["accepted", ["type"], [""], ["nope"], ["data"], "accepted"])
    expect(doors.published.map(({ type, payload }) => [type, text(payload)])).toEqual([
      ["a", '{ "x":1.0 }'],
      ["refuse.me", "null"],
      ["d", '"]"'],
    ])
  })

  test.each([
    '{"events":[]}',
    '{"events":{}}',
    "{}",
    '{"events":[{"type":"a"}],"more":1}',
    `{"events":[${Array(limits.BATCH_EVENTS_MAX + 1)
      .fill('{"type":"a"}')
      .join(",")}]}`,
  ])("refuses %.40s as a whole", async (body) => {
    expect((await doors.rest("POST", "/v1/events:batch", body)).status).toBe(400)
    expect(doors.published).toHaveLength(0)
  })
})

describe("POST /v1/ingest/{subscription}", () => {
  test("hands over body and headers as they came, without asking for a key", async () => {
    const body = Buffer.from([0xff, 0x00, 0x7b])
    const { status, json } = await doors.rest("POST", "/v1/ingest/sub_1", body, {
      authorization: "",
      "content-type": "application/x-odd",
      "x-hub-signature-256": "sha256=00",
    })
    expect([status, json]).toEqual([202, { eventId: "evt_1", deliveryId: "dlv_1" }])
    expect(doors.ingested[0]).toMatchObject({
      subscriptionId: "sub_1",
      body,
      headers: { "content-type": "application/x-odd", "x-hub-signature-256": "sha256=00" },
    })
  })

  test("refuses a payload over the limit, takes one at it, and leads nowhere without a subscription", async () => {
    expect((await doors.rest("POST", "/v1/ingest/sub_1", "x".repeat(limits.PAYLOAD_BYTES_MAX + 1))).status).toBe(413)
    expect((await doors.rest("POST", "/v1/ingest/sub_1", "x".repeat(limits.PAYLOAD_BYTES_MAX))).status).toBe(202)
    expect((await doors.rest("POST", "/v1/ingest/", "x")).status).toBe(404)
    expect((await doors.rest("GET", "/v1/ingest/sub_1")).headers.get("allow")).toBe("POST")
  })
})
