import { createClient } from "@connectrpc/connect"
import { createGrpcTransport } from "@connectrpc/connect-node"
import githubWebhooks from "@octokit/webhooks-examples"
import { sign as signAsGitHub, verify as verifyHub } from "@octokit/webhooks-methods"
import { deliveryIdOf } from "@posthorn/core"
import { openLog } from "@posthorn/log/open"
import { IngestService } from "@posthorn/proto"
import { answer, byPath, eventually, failFirst, redirectTo, startReceiver, type ReceivedRequest, type Receiver } from "@posthorn/testkit"
import pg from "pg"
import { Webhook } from "standardwebhooks"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { apiOf, type Api } from "./api.ts"
import type { Installation } from "./installation.ts"

interface Subscription {
  readonly id: string
  readonly secret?: string
}

interface Delivery {
  readonly id: string
  readonly state: string
  readonly attemptCount: number
  readonly reason?: string
  readonly lastStatusCode?: number
  readonly attempts?: readonly {
    readonly number: number
    readonly outcome: string
    readonly statusCode?: number
    readonly errorClass?: string
    readonly error?: string
    readonly request?: { readonly url: string }
  }[]
}

/** GitHub's published examples: 329 payloads of 58 events, as real as webhooks get. */
const EXAMPLES = githubWebhooks as unknown as readonly { readonly name: string; readonly examples: readonly object[] }[]
const PAYLOADS = EXAMPLES.flatMap(({ name, examples }) => examples.map((example) => ({ name, body: JSON.stringify(example) })))
/** Looked for in everything the processes write. */
const CANARY = "canary-5b1f0c9e"
const GITHUB_SECRET = `It's a Secret to Everybody ${CANARY}`
const SETTLE_MS = 60_000
/** What an installation has unless told otherwise. */
const PARTITIONS = 6

/** The main job, as senders and receivers see it. Runs against any installation. */
export function mainJob(title: string, start: () => Promise<Installation>): void {
  describe(title, () => {
    let posthorn: Installation
    let receiver: Receiver
    let operator: Api
    let application: { readonly id: string }
    let senderKey: string

    beforeAll(async () => {
      receiver = await startReceiver({
        behaviour: byPath({
          "/github": answer(200),
          "/published": answer(200),
          "/twice": failFirst(2),
          "/never": answer(500),
          "/gone": answer(410),
          "/redirect": redirectTo("http://169.254.169.254/latest/meta-data/"),
          "/healthy": answer(204),
        }),
      })
      posthorn = await start()
      operator = apiOf(posthorn, posthorn.adminKey)
      application = await operator.must("POST", "/v1/applications", { name: "e2e" })
      senderKey = (
        await operator.must<{ token: string }>("POST", `/v1/applications/${application.id}/keys`, { name: "e2e", role: "sender" })
      ).token
    })

    afterAll(async () => {
      await receiver?.stop()
      await posthorn?.stop()
    })

    const subscribe = (path: string, more: object): Promise<Subscription> =>
      operator.must("POST", `/v1/applications/${application.id}/subscriptions`, {
        url: `${receiver.url}${path}`,
        secret: "generate",
        bodyStyle: "raw",
        ...more,
      })
    const publish = async (type: string, data: unknown): Promise<string> =>
      (await apiOf(posthorn, senderKey).must<{ id: string }>("POST", "/v1/events", { type, data })).id
    const deliveryOf = (eventId: string, subscription: Subscription): Promise<Delivery> =>
      operator.must("GET", `/v1/deliveries/${deliveryIdOf(eventId, subscription.id)}`)
    const settled = (eventId: string, subscription: Subscription, state: string): Promise<Delivery> =>
      eventually(
        async () => {
          const delivery = await deliveryOf(eventId, subscription)
          expect(delivery.state).toBe(state)
          return delivery
        },
        { timeoutMs: SETTLE_MS, intervalMs: 100, what: `a delivery that is ${state}` },
      )
    const received = (path: string): readonly ReceivedRequest[] => receiver.requests.filter((request) => request.path === path)

    test(
      "every real payload that was acknowledged arrives as the same bytes, signed, over ingest and over gRPC",
      { timeout: 300_000 },
      async () => {
        const ingested = await subscribe("/github", { source: { scheme: "hub", secret: GITHUB_SECRET }, signatureStyle: "hub" })
        const published = await subscribe("/published", { eventTypes: ["github.*"] })
        const client = createClient(IngestService, createGrpcTransport({ baseUrl: posthorn.grpcUrl }))
        /** What was sent, by the `webhook-id` under which it has to arrive. */
        const ledger = { ingest: new Map<string, string>(), publish: new Map<string, string>() }

        const ingestOne = async ({ name, body }: (typeof PAYLOADS)[number], index: number): Promise<void> => {
          const headers = {
            authorization: "",
            "x-github-event": name,
            "x-github-delivery": `${index}`,
            "x-hub-signature-256": await signAsGitHub(GITHUB_SECRET, body),
          }
          const accepted = await until(() =>
            apiOf(posthorn, "")
              .call("POST", `/v1/ingest/${ingested.id}`, body, headers)
              .then((given) => (given.status === 202 ? given : Promise.reject(new Error(`${given.status} ${JSON.stringify(given.body)}`)))),
          )
          ledger.ingest.set((accepted.body as { deliveryId: string }).deliveryId, body)
        }
        const publishOne = async ({ name, body }: (typeof PAYLOADS)[number], index: number): Promise<void> => {
          const request = {
            type: `github.${name}`,
            content: { case: "payload", value: Buffer.from(body) },
            idempotencyKey: `github-${index}`,
          } as const
          const { id } = await until(() => client.publish(request, { headers: { authorization: `Bearer ${senderKey}` } }))
          ledger.publish.set(deliveryIdOf(id, published.id), body)
        }
        await eachAtOnce(8, PAYLOADS, async (payload, index) => {
          await ingestOne(payload, index)
          await publishOne(payload, index)
          if (index === 100) await posthorn.crash?.("delivery")
          if (index === 200) await posthorn.crash?.("projector")
          if (index === 250) await posthorn.crash?.("gateway")
        })

        await eventually(
          () => {
            expect(missing(ledger.ingest, received("/github"))).toEqual([])
            expect(missing(ledger.publish, received("/published"))).toEqual([])
          },
          { timeoutMs: 120_000, intervalMs: 250, what: "everything acknowledged at the receiver" },
        )
        const [acknowledged, arrived] = [
          ledger.ingest.size + ledger.publish.size,
          received("/github").length + received("/published").length,
        ]
        process.stdout.write(`${title}: ${acknowledged} acknowledged, 0 lost, ${arrived - acknowledged} arrived more than once\n`)
        check("ingest", ledger.ingest, received("/github"))
        check("publish", ledger.publish, received("/published"))
        for (const request of received("/github"))
          expect(await verifyHub(ingested.secret ?? "", request.body.toString(), String(request.headers["x-hub-signature-256"]))).toBe(true)
        for (const request of received("/published"))
          expect(() =>
            new Webhook(published.secret ?? "").verify(request.body.toString(), request.headers as Record<string, string>),
          ).not.toThrow()
        const states = await eventually(
          async () => {
            const { deliveries } = await operator.must<{ deliveries: Delivery[] }>(
              "GET",
              `/v1/deliveries?subscriptionId=${published.id}&state=delivered&pageSize=200`,
            )
            expect(deliveries).toHaveLength(200)
            return deliveries
          },
          { timeoutMs: SETTLE_MS, intervalMs: 250, what: "the status of what was delivered" },
        )
        expect(new Set(states.map(({ id }) => id)).size).toBe(200)

        function check(what: string, sent: ReadonlyMap<string, string>, requests: readonly ReceivedRequest[]): void {
          expect(sent.size).toBe(PAYLOADS.length)
          for (const request of requests) {
            const body = sent.get(String(request.headers["webhook-id"]))
            expect(body, `${what}: a request that nobody sent`).toBeDefined()
            expect(request.body.equals(Buffer.from(body ?? ""))).toBe(true)
          }
          // Without a fault nothing comes twice.
          if (posthorn.crash === undefined) expect(requests).toHaveLength(sent.size)
        }
      },
    )

    test("an endpoint that fails twice and then works is delivered by the third attempt, with one id", async () => {
      const subscription = await subscribe("/twice", { eventTypes: ["test.twice"], retryPolicy: { delaysSeconds: [1, 1, 1] } })
      const eventId = await publish("test.twice", { n: 1 })
      const delivery = await settled(eventId, subscription, "delivered")
      expect(delivery.attempts?.map(({ number, statusCode }) => [number, statusCode])).toEqual([
        [1, 500],
        [2, 500],
        [3, 200],
      ])
      expect(new Set(received("/twice").map(({ headers }) => headers["webhook-id"]))).toEqual(new Set([delivery.id]))
    })

    test("an endpoint that never works ends in the dead letters", async () => {
      const subscription = await subscribe("/never", { eventTypes: ["test.never"], retryPolicy: { delaysSeconds: [1, 1] } })
      const eventId = await publish("test.never", { n: 1 })
      const delivery = await settled(eventId, subscription, "dead")
      expect([delivery.attemptCount, delivery.lastStatusCode, delivery.reason]).toEqual([3, 500, "retries_exhausted"])
      const { deadLetters } = await eventually(
        async () => {
          const found = await operator.must<{ deadLetters: { deliveryId: string; reason: string }[] }>(
            "GET",
            `/v1/dead-letters?subscriptionId=${subscription.id}`,
          )
          expect(found.deadLetters).toHaveLength(1)
          return found
        },
        { timeoutMs: SETTLE_MS, what: "the dead letter" },
      )
      expect(deadLetters[0]).toMatchObject({ deliveryId: delivery.id, reason: "exhausted" })
    })

    test("an endpoint that answers 410 gets nothing any more, and the subscription says why", async () => {
      const subscription = await subscribe("/gone", { eventTypes: ["test.gone"] })
      await settled(await publish("test.gone", { n: 1 }), subscription, "dead")
      await eventually(
        async () =>
          expect(await operator.must("GET", `/v1/subscriptions/${subscription.id}`)).toMatchObject({
            enabled: false,
            disabledReason: expect.stringContaining("410"),
          }),
        { timeoutMs: 5000, what: "the subscription disabled" },
      )
      const unmatched = await publish("test.gone", { n: 2 })
      const healthy = await subscribe("/healthy", { eventTypes: ["test.gone"] })
      await settled(await publish("test.gone", { n: 3 }), healthy, "delivered")
      expect(received("/gone")).toHaveLength(1)
      await eventually(
        async () =>
          expect(await operator.must("GET", `/v1/events/${unmatched}`)).toMatchObject({
            unmatched: expect.arrayContaining([expect.objectContaining({ subscriptionId: subscription.id, reason: "disabled" })]),
          }),
        { timeoutMs: SETTLE_MS, what: "why it did not match" },
      )
    })

    test("a redirect to a metadata address is a failure that is not followed", async () => {
      const subscription = await subscribe("/redirect", { eventTypes: ["test.redirect"], retryPolicy: { retryCount: 0 } })
      const delivery = await settled(await publish("test.redirect", { n: 1 }), subscription, "dead")
      expect(delivery.attempts).toEqual([
        expect.objectContaining({
          outcome: "failed",
          statusCode: 302,
          errorClass: "status",
          error: expect.stringContaining("not followed"),
        }),
      ])
    })

    test("an envelope keeps the exact spelling of the data", async () => {
      const subscription = await subscribe("/healthy", { eventTypes: ["test.spelling"], bodyStyle: "envelope" })
      const data = '{ "b" : 1.0, "a":12345678901234567890, "é":"\\u00e9" }'
      const accepted = await apiOf(posthorn, senderKey).call(
        "POST",
        "/v1/events",
        `{"type":"test.spelling","data":${data},"metadata":{"trace":"t1"}}`,
      )
      const { id } = accepted.body as { id: string }
      await settled(id, subscription, "delivered")
      const text = received("/healthy")
        .find(({ headers }) => headers["posthorn-event-id"] === id)
        ?.body.toString()
      expect(text).toContain(`"data":${data}`)
      expect(JSON.parse(text ?? "{}")).toMatchObject({ id, event: "test.spelling", metadata: { trace: "t1" } })
      const payload = await operator.call("GET", `/v1/events/${id}/payload`)
      expect(payload.body).toEqual(JSON.parse(data))
    })

    test("bad input is told what is wrong with it, and nothing of it is stored", async () => {
      const sender = apiOf(posthorn, senderKey)
      const signed = await subscribe("/healthy", { source: { scheme: "hub", secret: GITHUB_SECRET } })
      const disabled = await subscribe("/healthy", { eventTypes: ["test.bad"], enabled: false, source: { scheme: "none" } })
      const cases: readonly (readonly [string, Promise<{ status: number; body: unknown }>, number, string])[] = [
        ["malformed JSON", sender.call("POST", "/v1/events", '{"type":"test.bad",'), 400, "invalid_argument"],
        [
          "invalid UTF-8",
          sender.call("POST", "/v1/events", Buffer.from([...Buffer.from('{"type":"test.bad","data":"'), 0xff, ...Buffer.from('"}')])),
          400,
          "invalid_argument",
        ],
        ["a field that does not exist", sender.call("POST", "/v1/events", { type: "test.bad", dta: 1 }), 400, "invalid_argument"],
        ["a bad type", sender.call("POST", "/v1/events", { type: "test bad" }), 400, "invalid_argument"],
        ["no key", apiOf(posthorn, "").call("POST", "/v1/events", { type: "test.bad" }), 401, "unauthenticated"],
        ["a garbage key", apiOf(posthorn, "ph_x_y_z").call("POST", "/v1/events", { type: "test.bad" }), 401, "unauthenticated"],
        ["a sender that reads", sender.call("GET", "/v1/events"), 403, "permission_denied"],
        [
          "a payload over the limit",
          sender.call("POST", "/v1/events", { type: "test.bad", data: "x".repeat(256 * 1024) }),
          413,
          "invalid_argument",
        ],
        [
          "a media type that is not JSON",
          sender.call("POST", "/v1/events", "type=test.bad", { "content-type": "application/x-www-form-urlencoded" }),
          415,
          "invalid_argument",
        ],
        [
          "a wrong signature",
          apiOf(posthorn, "").call("POST", `/v1/ingest/${signed.id}`, "{}", { "x-hub-signature-256": `sha256=${"0".repeat(64)}` }),
          401,
          "unauthenticated",
        ],
        ["a missing signature", apiOf(posthorn, "").call("POST", `/v1/ingest/${signed.id}`, "{}"), 401, "unauthenticated"],
        ["an unknown subscription", apiOf(posthorn, "").call("POST", `/v1/ingest/sub_${"0".repeat(26)}`, "{}"), 404, "not_found"],
        ["a disabled subscription", apiOf(posthorn, "").call("POST", `/v1/ingest/${disabled.id}`, "{}"), 409, "failed_precondition"],
        ["an unknown route", operator.call("GET", "/v1/nothing"), 404, "not_found"],
        [
          "a private address",
          operator.call("POST", `/v1/applications/${application.id}/subscriptions`, { url: "http://169.254.169.254/" }),
          400,
          "invalid_argument",
        ],
      ]
      for (const [what, answered, status, code] of cases) {
        const { status: given, body } = await answered
        expect([what, given, body]).toEqual([
          what,
          status,
          { code, message: expect.any(String), details: expect.any(Array), requestId: expect.any(String) },
        ])
      }
      // Once this one is in the view, whatever came before it would be too.
      const after = await subscribe("/healthy", { eventTypes: ["test.after"] })
      await settled(await publish("test.after", {}), after, "delivered")
      const { events } = await operator.must<{ events: unknown[] }>("GET", `/v1/events?applicationId=${application.id}&type=test.bad`)
      expect(events).toEqual([])
    }, 60_000)

    test("one idempotency key is one event, and the same key with another body is refused", async () => {
      const sender = apiOf(posthorn, senderKey)
      const send = (data: unknown) => sender.call("POST", "/v1/events", { type: "test.key", data, idempotencyKey: "k1" })
      const answers = await Promise.all([send({ n: 1 }), send({ n: 1 }), send({ n: 1 })])
      expect(answers.map(({ status }) => status)).toEqual([202, 202, 202])
      expect(new Set(answers.map(({ body }) => (body as { id: string }).id)).size).toBe(1)
      expect((await send({ n: 2 })).status).toBe(409)
      await eventually(
        async () =>
          expect(
            (await operator.must<{ events: unknown[] }>("GET", `/v1/events?applicationId=${application.id}&type=test.key`)).events,
          ).toHaveLength(1),
        { timeoutMs: SETTLE_MS, what: "the one event" },
      )
    })

    test("nothing of one application is visible to another", async () => {
      const other = await operator.must<{ id: string }>("POST", "/v1/applications", { name: "other" })
      const { token } = await operator.must<{ token: string }>("POST", `/v1/applications/${other.id}/keys`, {
        name: "admin",
        role: "admin",
      })
      const stranger = apiOf(posthorn, token)
      const subscription = await subscribe("/healthy", { eventTypes: ["test.mine"] })
      const eventId = await publish("test.mine", {})
      const delivery = await settled(eventId, subscription, "delivered")
      for (const path of [
        `/v1/applications/${application.id}`,
        `/v1/subscriptions/${subscription.id}`,
        `/v1/events/${eventId}`,
        `/v1/events/${eventId}/payload`,
        `/v1/deliveries/${delivery.id}`,
        `/v1/applications/${application.id}/keys`,
      ]) {
        expect([path, (await stranger.call("GET", path)).status]).toEqual([path, 404])
      }
      expect(await stranger.must("GET", "/v1/deliveries")).toMatchObject({ deliveries: [] })
      expect(await stranger.must("GET", "/v1/events")).toMatchObject({ events: [] })
    })

    test("a record that nobody can read is a dead letter, and its neighbours are delivered", async () => {
      const { kafka, postgresUrl } = posthorn
      const settings = {
        kafkaBrokers: kafka?.brokers,
        topicPrefix: kafka?.prefix ?? "",
        kafkaSsl: false,
        partitions: PARTITIONS,
        postgresUrl,
      }
      const log = await openLog(settings, { clientId: "poison", onError: () => undefined })
      const value = Buffer.from("not ours")
      for (const topic of ["events", "deliveries", "retry.5s"] as const) {
        await log.append(Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition, key: "poison", value })))
      }
      await log.close()
      const subscription = await subscribe("/healthy", { eventTypes: ["test.neighbour"] })
      for (let index = 0; index < 12; index++) await settled(await publish("test.neighbour", { index }), subscription, "delivered")
      await eventually(
        async () =>
          expect(
            (await operator.must<{ deadLetters: unknown[] }>("GET", "/v1/dead-letters?reason=poison&pageSize=200")).deadLetters.length,
          ).toBeGreaterThanOrEqual(18),
        { timeoutMs: SETTLE_MS, what: "a dead letter for each" },
      )
    })

    test("the status view is the fold of the log: every delivery has its attempts, numbered without holes", async () => {
      const client = new pg.Client({ connectionString: posthorn.postgresUrl })
      await client.connect()
      try {
        const { rows } = await client.query(
          `select d.id from posthorn.deliveries d left join posthorn.attempts a on a.delivery_id = d.id group by d.id, d.attempt_count
           having count(a.number) <> d.attempt_count or coalesce(max(a.number), 0) <> d.attempt_count`,
        )
        expect(rows).toEqual([])
      } finally {
        await client.end()
      }
    })

    test("health names every component, and no process wrote a secret or a payload", async () => {
      const health = await eventually(
        async () => {
          const given = await apiOf(posthorn, "").call("GET", "/health")
          expect(given.body).toMatchObject({ status: "ok" })
          return given
        },
        { timeoutMs: SETTLE_MS, what: "a healthy installation" },
      )
      expect(Object.keys((health.body as { components: object }).components).toSorted()).toEqual([
        "clickhouse",
        "delivery",
        "log",
        "postgres",
        "projector",
      ])
      const output = posthorn.output()
      expect(output.length).toBeGreaterThan(0)
      for (const secret of [CANARY, senderKey, "12345678901234567890"]) expect(output.includes(secret), secret.slice(0, 12)).toBe(false)
    })
  })
}

const missing = (sent: ReadonlyMap<string, string>, requests: readonly ReceivedRequest[]): string[] => {
  const arrived = new Set(requests.map(({ headers }) => headers["webhook-id"]))
  return [...sent.keys()].filter((id) => !arrived.has(id))
}

/** Again until it is acknowledged, as a sender does whose answer was lost; bounded. */
async function until<T>(send: () => Promise<T>): Promise<T> {
  return eventually(send, { timeoutMs: 60_000, intervalMs: 200, what: "an acknowledgement" }) as Promise<T>
}

async function eachAtOnce<T>(width: number, items: readonly T[], work: (item: T, index: number) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index]
      if (item !== undefined) await work(item, index)
    }
  }
  await Promise.all(Array.from({ length: width }, lane))
}
