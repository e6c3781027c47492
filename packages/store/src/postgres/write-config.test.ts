import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { create, type MessageInitShape } from "@bufbuild/protobuf"
import { ConfigChangedSchema, HmacAlgorithm, SignatureEncoding, SourceScheme, type SubscriptionSchema } from "@posthorn/proto"
import { expect, test } from "vitest"
import { projectRecords } from "../conformance/project-records.ts"
import { applicationChange, applicationOf, recordsOf, subscriptionOf, type Message } from "../conformance/sample-history.ts"
import { startEmbeddedPostgres } from "../embedded/embedded-postgres.ts"
import { Database } from "./database.ts"
import { createPostgresStore } from "./postgres-store.ts"

const CANARY = "canary-Q8dW2x"
const id = subscriptionOf(1)

function changeTo(version: number, fields: MessageInitShape<typeof SubscriptionSchema>): Message {
  const subscription = { id, applicationId: applicationOf(1), url: "https://example.org/", ...fields }
  const message = create(ConfigChangedSchema, {
    entityId: id,
    expectedVersion: BigInt(version),
    changeId: `${version}`,
    state: { case: "subscription", value: { subscription, sourceSecret: CANARY } },
  })
  return { topic: "config", partition: 0, message }
}

test(
  "a subscription's row has its filter and how its senders are verified, as last changed, and no secret",
  { timeout: 60_000 },
  async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "posthorn-subscriptions-"))
    const server = await startEmbeddedPostgres({ dataDir })
    const store = createPostgresStore({ url: server.url })
    const database = new Database({ url: server.url, connections: 1 })
    try {
      const source = {
        scheme: SourceScheme.HMAC,
        secret: CANARY,
        signatureHeader: "x-acme",
        algorithm: HmacAlgorithm.SHA512,
        encoding: SignatureEncoding.BASE64,
        prefix: "v1=",
        defaultEventType: "acme.said",
      }
      // What Postgres has no place for must not stop the projection.
      const filter = { data: { "a\0\\u0000": "\0", big: { $lt: 1e300 } } }
      const rows = async () =>
        database.run({
          text: "select filter, source_scheme, source, s::text like $1 as leaks from posthorn.subscriptions s",
          values: [`%${CANARY}%`],
        })
      await projectRecords(store, recordsOf([applicationChange(1, 0), changeTo(0, { filter, source })]))
      expect(await rows()).toEqual([
        {
          filter: { data: { "a\ufffd\\u0000": "\ufffd", big: { $lt: 1e300 } } },
          source_scheme: "hmac",
          source: {
            eventTypeHeader: "",
            defaultEventType: "acme.said",
            signatureHeader: "x-acme",
            algorithm: "sha512",
            encoding: "base64",
            prefix: "v1=",
          },
          leaks: false,
        },
      ])
      const [last] = recordsOf([changeTo(1, {})])
      await projectRecords(store, [{ ...last!, offset: 100 }])
      expect(await rows()).toEqual([{ filter: null, source_scheme: "unspecified", source: null, leaks: false }])
    } finally {
      await database.close()
      await store.close()
      await server.stop()
      await rm(dataDir, { recursive: true, force: true })
    }
  },
)
