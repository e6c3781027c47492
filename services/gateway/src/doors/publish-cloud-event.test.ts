import { CloudEvent, HTTP } from "cloudevents"
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest"
import { openTestDoors, type TestDoors } from "./doors-under-test.ts"

let doors: TestDoors
beforeAll(async () => {
  doors = await openTestDoors()
})
afterAll(() => doors.close())
beforeEach(() => {
  doors.published.length = 0
})

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString()
const send = (headers: object, body: unknown) => doors.rest("POST", "/v1/events", body, headers as Readonly<Record<string, string>>)

const FIELDS = {
  id: "a-1",
  source: "/shop/1",
  type: "order.created",
  time: "2026-01-31T12:00:00.000Z",
  subject: "Übergröße",
  traceparent: "00-1-2-01",
}
const AS_EVENT = {
  type: "order.created",
  idempotencyKey: "/shop/1 a-1",
  occurredAtMs: Date.parse(FIELDS.time),
  metadata: { ce_id: "a-1", ce_source: "/shop/1", ce_subject: "Übergröße", ce_traceparent: "00-1-2-01" },
}

test.each(["structured", "binary"] as const)("takes what the CloudEvents SDK sends in %s mode", async (mode) => {
  const { headers, body } = HTTP[mode](new CloudEvent({ ...FIELDS, datacontenttype: "application/json", data: { b: 1, a: [1.5] } }))
  expect(await send(headers, body)).toMatchObject({ status: 202, json: { id: "evt_1" } })
  expect(doors.published[0]).toMatchObject({ ...AS_EVENT, contentType: "application/json" })
  expect(JSON.parse(text(doors.published[0]?.payload))).toEqual({ b: 1, a: [1.5] })
})

test.each(["structured", "binary"] as const)("takes bytes that are no text in %s mode", async (mode) => {
  const data = Uint8Array.from([0, 255, 10])
  const { headers, body } = HTTP[mode](new CloudEvent({ ...FIELDS, datacontenttype: "application/x-thing", data }))
  expect((await send(headers, mode === "binary" ? data : body)).status).toBe(202)
  expect([...(doors.published[0]?.payload ?? [])]).toEqual([0, 255, 10])
  expect(doors.published[0]).toMatchObject({ ...AS_EVENT, contentType: "application/x-thing" })
})

const object = (more: string): string => `{"specversion":"1.0","id":"1","source":"s","type":"a.b"${more}}`
const STRUCTURED = { "content-type": "application/cloudevents+json; charset=utf-8" }

test("keeps the bytes of JSON data, and unwraps text of another type", async () => {
  await send(STRUCTURED, object(',"data": { "b" : 1.0, "a":1e2 }'))
  await send(STRUCTURED, object(',"datacontenttype":"text/plain","data":"h\\u0069"'))
  await send(STRUCTURED, object(',"datacontenttype":"application/json","data":"hi"'))
  await send(STRUCTURED, object(""))
  await send({ "ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "a.b", "content-type": "application/json" }, " [1.0]")
  expect(doors.published.map(({ payload }) => text(payload))).toEqual(['{ "b" : 1.0, "a":1e2 }', "hi", '"hi"', "null", " [1.0]"])
})

test("takes a batch, in which one that is wrong fails alone", async () => {
  const body = `[${object("")},{"specversion":"1.0"},7,${object(',"type":"refuse.me"').replace('"type":"a.b",', "")}]`
  const headers = { authorization: "Bearer sender", "content-type": "application/cloudevents-batch+json" }
  const reply = await fetch(`${doors.url}/v1/events`, { method: "POST", headers, body })
  expect(reply.status).toBe(202)
  const json = (await reply.json()) as { results: { refused?: { details: { field: string }[] } }[] }
  expect(json.results.map((result) => result.refused?.details.map(({ field }) => field))).toEqual([
    undefined,
    ["id", "source", "type"],
    [""],
    ["type"],
  ])
})

test.each([
  [object(',"time":"yesterday"'), ["time"]],
  [object(',"specversion2":{}'), ["specversion2"]],
  [object(',"Bad-Name":"x"'), ["Bad-Name"]],
  [object(',"subject":7'), ["subject"]],
  [object(',"data":1,"data_base64":"aGk="'), ["data_base64"]],
  [object(',"data_base64":"%%"'), ["data_base64"]],
  ['{"specversion":"0.3","id":"","source":"s","type":"t"}', ["id", "specversion"]],
  ["{}", ["specversion", "id", "source", "type"]],
])("names the attribute that is wrong: %s", async (body, fields) => {
  const { status, json } = await send(STRUCTURED, body)
  expect([status, json.code, json.details.map(({ field }: { field: string }) => field)]).toEqual([400, "invalid_argument", fields])
})

test("an event whose source and id are longer than a key may be keeps them apart by a digest", async () => {
  const long = "s".repeat(300)
  for (const [source, id] of [
    [long, "1"],
    [long, "2"],
    [long, "1"],
  ] as const)
    await send(STRUCTURED, JSON.stringify({ specversion: "1.0", id, source, type: "a.b" }))
  const [first, second, again] = doors.published.map(({ idempotencyKey }) => idempotencyKey)
  expect(first).toBe(again)
  expect(first).not.toBe(second)
  expect(first?.length).toBeLessThanOrEqual(200)
})

test("the header Idempotency-Key goes before the key that is made of the id", async () => {
  await send({ ...STRUCTURED, "idempotency-key": "mine" }, object(""))
  expect(doors.published[0]?.idempotencyKey).toBe("mine")
})
