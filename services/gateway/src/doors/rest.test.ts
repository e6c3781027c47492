import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { limits, refuse } from "@posthorn/core"
import { LogUnavailable } from "@posthorn/log"
import {
  type CreateKeyRequest,
  CreateKeyResponseSchema,
  DeliveryState,
  GetDeliveryResponseSchema,
  GetEventPayloadResponseSchema,
  type ListDeliveriesRequest,
  ListDeliveriesResponseSchema,
  ListSubscriptionsResponseSchema,
  Role,
  SignatureStyle,
  type UpdateSubscriptionRequest,
  UpdateSubscriptionResponseSchema,
} from "@posthorn/proto"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { openTestDoors, type TestDoors } from "./doors-under-test.ts"

let doors: TestDoors
beforeAll(async () => {
  doors = await openTestDoors()
})
afterAll(() => doors.close())
beforeEach(() => {
  doors.answers.clear()
  doors.asked.length = 0
  doors.failures.length = 0
})

const lastRequest = <T>(): T => doors.asked.at(-1)?.request as T
const SUBSCRIPTION = { url: "https://example.com/hook" }

describe("requests", () => {
  test("take both spellings, words of enums in either form, and RFC 3339 times", async () => {
    for (const query of [
      "subscriptionId=sub_1&state=delivered&pageSize=7",
      "subscription_id=sub_1&state=DELIVERY_STATE_DELIVERED&page_size=7",
      "subscription_id=sub_1&state=Delivered&pageSize=7&type=",
    ]) {
      const { status } = await doors.rest("GET", `/v1/deliveries?${query}&since=2026-01-31T12:00:00.5Z`)
      expect(status).toBe(200)
      expect(lastRequest<ListDeliveriesRequest>()).toMatchObject({
        subscriptionId: "sub_1",
        state: DeliveryState.DELIVERED,
        pageSize: 7,
        since: { seconds: 1769860800n, nanos: 500000000 },
      })
    }
  })

  test("name enums by words alone, not by their numbers in the contract", async () => {
    for (const role of [4, "4"]) expect((await doors.rest("POST", "/v1/applications/app_1/keys", { role })).status).toBe(400)
    expect((await doors.rest("GET", "/v1/deliveries?state=3")).status).toBe(400)
    expect(doors.asked).toHaveLength(0)
  })

  test("take the path of an additional binding", async () => {
    await doors.rest("GET", "/v1/subscriptions/sub%209/deliveries")
    expect(lastRequest<ListDeliveriesRequest>().subscriptionId).toBe("sub 9")
  })

  test("without a body are the same as with an empty object", async () => {
    expect((await doors.rest("POST", "/v1/subscriptions/sub_1:disable")).status).toBe(200)
    expect(lastRequest()).toMatchObject({ subscriptionId: "sub_1", reason: "" })
  })

  test("with faults are answered with every one of them at once, named as the contract names them", async () => {
    const body = {
      url: 7,
      colour: "red",
      eventTypes: "x",
      event_types: [],
      signatureStyle: "loud",
      source: { scheme: "hub", extra: 1 },
      retryPolicy: [],
      timeoutMs: "soon",
    }
    const { status, json } = await doors.rest("POST", "/v1/applications/app_1/subscriptions?size=1", body)
    expect(status).toBe(400)
    expect(json).toMatchObject({ code: "invalid_argument", requestId: expect.any(String) })
    expect(json.details.map(({ field }: { field: string }) => field).toSorted()).toEqual(
      [
        "size",
        "subscription.colour",
        "subscription.event_types",
        "subscription.event_types",
        "subscription.retry_policy",
        "subscription.signature_style",
        "subscription.source.extra",
        "subscription.timeout_ms",
        "subscription.url",
      ].toSorted(),
    )
    expect(json.details).toContainEqual({
      field: "subscription.signature_style",
      reason: "must be one of standard, hub, x-webhook-signature, x-signature",
    })
    expect(JSON.stringify(json)).not.toContain("loud")
    expect(doors.asked).toHaveLength(0)
  })

  test("that break rules of the contract are answered with every rule that they break", async () => {
    const { status, json } = await doors.rest("POST", "/v1/applications/app_1/subscriptions", {
      url: "",
      method: "GET",
      eventTypes: ["ok", "not ok"],
      timeoutMs: 5,
      headers: { "bad name": "x" },
    })
    expect(status).toBe(400)
    expect(json.details.map(({ field }: { field: string }) => field).toSorted()).toEqual(
      [
        "subscription.event_types[1]",
        'subscription.headers["bad name"]',
        "subscription.method",
        "subscription.timeout_ms",
        "subscription.url",
      ].toSorted(),
    )
    expect(doors.asked).toHaveLength(0)
  })

  test.each([
    ["invalid UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ["a name twice", '{"url":"https://a.example","url":"https://b.example"}'],
    ["a name twice in two spellings", '{"url":"https://a.example","timeoutMs":500,"timeout_ms":600}'],
    ["nesting without end", `{"metadata":${"[".repeat(limits.JSON_DEPTH_MAX)}${"]".repeat(limits.JSON_DEPTH_MAX)}}`],
    ["half of a surrogate pair", '{"url":"https://a.example","description":"\\ud800"}'],
    ["something after it", '{"url":"https://a.example"} x'],
    ["an array", "[]"],
    ["a byte order mark", '\ufeff{"url":"https://a.example"}'],
    ["a comment", '{"url":"https://a.example"/**/}'],
  ])("whose JSON has %s are refused", async (_, body) => {
    const { status, json } = await doors.rest("POST", "/v1/applications/app_1/subscriptions", body)
    expect(status).toBe(400)
    expect(json).toMatchObject({ code: "invalid_argument" })
    expect(doors.asked).toHaveLength(0)
  })

  test.each(["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])(
    "with the content type %j are refused with 415",
    async (type) => {
      const { status, json } = await doors.rest("POST", "/v1/applications/app_1/subscriptions", JSON.stringify(SUBSCRIPTION), {
        "content-type": type,
      })
      expect([status, json.code]).toEqual([415, "invalid_argument"])
    },
  )

  test.each(["application/json; charset=utf-8", "application/merge-patch+json"])("with the content type %j are taken", async (type) => {
    expect(
      (await doors.rest("POST", "/v1/applications/app_1/subscriptions", JSON.stringify(SUBSCRIPTION), { "content-type": type })).status,
    ).toBe(201)
  })

  test("that are compressed are refused with 415", async () => {
    expect((await doors.rest("POST", "/v1/applications/app_1/subscriptions", SUBSCRIPTION, { "content-encoding": "gzip" })).status).toBe(
      415,
    )
  })
})

describe("updates", () => {
  const paths = () => lastRequest<UpdateSubscriptionRequest>().updateMask?.paths

  test("by PATCH change the fields that the body has, and only those are judged", async () => {
    const { status } = await doors.rest("PATCH", "/v1/subscriptions/sub_1", { eventTypes: ["a"], rate_limit: null, etag: "3" })
    expect(status).toBe(200)
    expect(paths()).toEqual(["event_types", "rate_limit"])
    expect(lastRequest<UpdateSubscriptionRequest>().subscription).toMatchObject({ eventTypes: ["a"], etag: "3" })
  })

  test("by PATCH are still judged in what they change", async () => {
    const { status, json } = await doors.rest("PATCH", "/v1/subscriptions/sub_1", { url: "", description: "x" })
    expect(status).toBe(400)
    expect(json.details).toEqual([{ field: "subscription.url", reason: expect.any(String) }])
  })

  test.each([[{}], [{ etag: "3" }], [undefined]])(
    "by PATCH with %j, which changes nothing, are refused rather than taken for all fields",
    async (body) => {
      const { status, json } = await doors.rest("PATCH", "/v1/subscriptions/sub_1", body)
      expect([status, json.details[0].field]).toEqual([400, "update_mask"])
    },
  )

  test("by PATCH with a mask change what the mask names", async () => {
    await doors.rest("PATCH", "/v1/subscriptions/sub_1?updateMask=eventTypes", { description: "x" })
    expect(paths()).toEqual(["event_types"])
    expect((await doors.rest("PATCH", "/v1/subscriptions/sub_1?updateMask=colour", { description: "x" })).json.details).toEqual([
      { field: "update_mask", reason: "names no field: colour" },
    ])
  })

  test("by PUT change every field and are judged whole", async () => {
    expect((await doors.rest("PUT", "/v1/subscriptions/sub_1", { description: "x" })).json.details).toEqual([
      { field: "subscription.url", reason: expect.any(String) },
    ])
    expect((await doors.rest("PUT", "/v1/subscriptions/sub_1", SUBSCRIPTION)).status).toBe(200)
    expect(paths() ?? []).toEqual([])
  })

  test.each([
    ["PATCH", { description: "x" }],
    ["PUT", SUBSCRIPTION],
  ])("by %s carry If-Match as the etag of the resource", async (method, body) => {
    await doors.rest(method, "/v1/subscriptions/sub_1", body, { "if-match": 'W/"7"' })
    expect(lastRequest<UpdateSubscriptionRequest>().subscription?.etag).toBe("7")
    expect(doors.asked.at(-1)?.call.ifMatch).toBe("7")
  })

  test("by DELETE carry If-Match as the etag of the request, and * asks for nothing", async () => {
    await doors.rest("DELETE", "/v1/subscriptions/sub_1", undefined, { "if-match": '"7"' })
    expect(lastRequest()).toMatchObject({ etag: "7" })
    await doors.rest("DELETE", "/v1/subscriptions/sub_1", undefined, { "if-match": "*" })
    expect(lastRequest()).toMatchObject({ etag: "" })
  })
})

describe("answers", () => {
  test("show every field in lowerCamelCase, enums as words, and leave out what is absent", async () => {
    const subscription = {
      id: "sub_1",
      eventTypes: [],
      signatureStyle: SignatureStyle.X_WEBHOOK_SIGNATURE,
      etag: "4",
      createdAt: timestampFromMs(0),
    }
    doors.answers.set("UpdateSubscription", () => create(UpdateSubscriptionResponseSchema, { subscription }))
    const { json, headers } = await doors.rest("PUT", "/v1/subscriptions/sub_1", SUBSCRIPTION)
    expect(json).toMatchObject({
      id: "sub_1",
      eventTypes: [],
      signatureStyle: "x-webhook-signature",
      timeoutMs: 0,
      disabledReason: "",
      createdAt: "1970-01-01T00:00:00Z",
    })
    for (const absent of ["bodyStyle", "secret", "rateLimit", "updatedAt", "enabled"]) expect(json).not.toHaveProperty(absent)
    expect(headers.get("etag")).toBe('"4"')
  })

  test("to lists have their collection even when it is empty, but not the parts that only single reads fill", async () => {
    doors.answers.set("ListSubscriptions", () => create(ListSubscriptionsResponseSchema))
    expect((await doors.rest("GET", "/v1/applications/app_1/subscriptions")).json).toEqual({ subscriptions: [], nextPageToken: "" })
    doors.answers.set("ListDeliveries", () =>
      create(ListDeliveriesResponseSchema, { deliveries: [{ id: "dlv_1", state: DeliveryState.DEAD }] }),
    )
    const { deliveries } = (await doors.rest("GET", "/v1/deliveries")).json
    expect(deliveries[0]).toMatchObject({ id: "dlv_1", state: "dead", attemptCount: 0 })
    expect(deliveries[0]).not.toHaveProperty("attempts")
    doors.answers.set("GetDelivery", () => create(GetDeliveryResponseSchema, { delivery: { id: "dlv_1" } }))
    expect((await doors.rest("GET", "/v1/deliveries/dlv_1")).json).toHaveProperty("attempts", [])
  })

  test("to creates are 201, and words of nested enums are words too", async () => {
    doors.answers.set("CreateKey", () => create(CreateKeyResponseSchema, { key: { id: "key_1", role: Role.SENDER }, token: "t" }))
    const { status, json } = await doors.rest("POST", "/v1/applications/app_1/keys", { role: "sender" })
    expect([status, json.key.role, json.token]).toEqual([201, "sender", "t"])
    expect(lastRequest<CreateKeyRequest>()).toMatchObject({ applicationId: "app_1", key: { role: Role.SENDER } })
  })

  test("to deletes are an empty object", async () => {
    const { status, json } = await doors.rest("DELETE", "/v1/applications/app_1/keys/key_1")
    expect([status, json]).toEqual([200, {}])
  })

  test("with a payload are its very bytes, for nobody to run", async () => {
    const data = Buffer.from([0, 0xff, 0x0a, 0x0d])
    doors.answers.set("GetEventPayload", () => create(GetEventPayloadResponseSchema, { contentType: "text/html", data }))
    const reply = await fetch(`${doors.url}/v1/events/evt_1/payload`, { headers: { authorization: "Bearer viewer" } })
    expect(Buffer.from(await reply.arrayBuffer())).toEqual(data)
    expect(reply.headers.get("content-type")).toBe("text/html")
    expect(reply.headers.get("content-disposition")).toBe("attachment")
    expect(reply.headers.get("x-content-type-options")).toBe("nosniff")
  })

  test("carry the client's request id when it is plain, and one of ours otherwise", async () => {
    expect((await doors.rest("GET", "/v1/applications", undefined, { "x-request-id": "abc-1" })).headers.get("x-request-id")).toBe("abc-1")
    for (const odd of ["a b", "x".repeat(limits.REQUEST_ID_LENGTH_MAX + 1), "<script>"]) {
      const reply = await doors.rest("GET", "/v1/nothing", undefined, { "x-request-id": odd })
      expect(reply.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/)
      expect(reply.json.requestId).toBe(reply.headers.get("x-request-id"))
    }
  })
})

describe("refusals", () => {
  test("come in the order of who, may they, what", async () => {
    const broken = ["POST", "/v1/applications/app_1/subscriptions", "{", {}] as const
    expect((await doors.rest(broken[0], broken[1], broken[2], { authorization: "Bearer nobody" })).status).toBe(401)
    expect((await doors.rest(broken[0], broken[1], broken[2], { authorization: "Bearer viewer" })).status).toBe(403)
    expect((await doors.rest(...broken)).status).toBe(400)
  })

  test("of a handler keep code, details, status and the time to wait", async () => {
    doors.answers.set("GetApplication", () =>
      refuse("invalid_argument", "Too bad.", { details: [{ field: "x", reason: "y" }], httpStatus: 422, retryAfterSeconds: 7 }),
    )
    const { status, json, headers } = await doors.rest("GET", "/v1/applications/app_1")
    expect([status, headers.get("retry-after")]).toEqual([422, "7"])
    expect(json).toEqual({
      code: "invalid_argument",
      message: "Too bad.",
      details: [{ field: "x", reason: "y" }],
      requestId: headers.get("x-request-id"),
    })
  })

  test("because the log is away are 503 with Retry-After, and say what is known of the outcome", async () => {
    doors.answers.set("GetApplication", () => Promise.reject(new LogUnavailable("broker 3 at 10.0.0.3 is gone", "unknown")))
    const { status, json, headers } = await doors.rest("GET", "/v1/applications/app_1")
    expect([status, json.code, headers.get("retry-after")]).toEqual([503, "unavailable", "1"])
    expect(json.message).toContain("may or may not")
    expect(JSON.stringify(json)).not.toContain("10.0.0.3")
  })

  test("for a fault of ours say nothing of it, and the log everything", async () => {
    const cause = new Error("password is hunter2")
    doors.answers.set("GetApplication", () => Promise.reject(cause))
    const { status, json } = await doors.rest("GET", "/v1/applications/app_1")
    expect([status, json.code]).toEqual([500, "internal"])
    expect(JSON.stringify(json)).not.toContain("hunter2")
    expect(doors.failures).toEqual([
      { door: "rest", method: "posthorn.v1.ApplicationService/GetApplication", requestId: json.requestId, cause },
    ])
    expect(doors.finished.at(-1)).toMatchObject({ code: "internal", method: "posthorn.v1.ApplicationService/GetApplication" })
  })

  test("of paths and methods are 404, and 405 with what is allowed", async () => {
    expect((await doors.rest("GET", "/v1/nothing")).json.code).toBe("not_found")
    const { status, headers } = await doors.rest("PATCH", "/v1/events")
    expect([status, headers.get("allow")]).toEqual([405, "GET, HEAD, POST"])
  })
})
