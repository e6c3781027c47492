import type { LoadPlan } from "./load.ts"
import type { RunningPosthorn } from "./posthorn.ts"

export interface Endpoint {
  readonly url: string
  readonly eventTypes: readonly string[]
  readonly retryPolicy?: { readonly delaysSeconds: readonly number[] }
}

/** What every plan for the same sender says. */
export type Target = Pick<LoadPlan, "host" | "port" | "path" | "headers" | "expectStatus">

export interface Tenant {
  readonly applicationId: string
  /** Adds a signed subscription; answers its id. */
  subscribe(endpoint: Endpoint): Promise<string>
}

/** An application without subscriptions. */
export async function openApplication(posthorn: RunningPosthorn): Promise<Tenant> {
  const { id } = await posthorn.call<{ id: string }>("POST", "/v1/applications", { name: "bench" })
  const path = `/v1/applications/${id}/subscriptions`
  return {
    applicationId: id,
    subscribe: async (endpoint) => (await posthorn.call<{ id: string }>("POST", path, { ...endpoint, secret: "generate" })).id,
  }
}

/** An application with signed subscriptions; answers where and how to publish to it. */
export async function openTenant(posthorn: RunningPosthorn, endpoints: readonly Endpoint[]): Promise<Target> {
  const { applicationId, subscribe } = await openApplication(posthorn)
  for (const endpoint of endpoints) await subscribe(endpoint)
  return senderOf(posthorn, applicationId)
}

/** Of the events that the lanes of accepting publish. */
export const CHECKED_TYPE = "bench.event"
export const CHECKED_DATA = { text: "x".repeat(560) }

const CHECKED_SCHEMA = {
  type: "object",
  required: ["text"],
  properties: { text: { type: "string", minLength: 1, maxLength: 2000 }, amount: { type: "number", minimum: 0 } },
  additionalProperties: false,
}

/** An application without subscriptions that has all of its events counted and checked: within a limit that nobody reaches, against a schema that they fit. */
export async function openCheckedTenant(posthorn: RunningPosthorn): Promise<Target> {
  const { applicationId } = await openApplication(posthorn)
  const path = `/v1/applications/${applicationId}`
  await posthorn.call("PATCH", path, { ingestRateLimit: { count: 1_000_000, periodSeconds: 1 }, payloadValidation: "enforce" })
  await posthorn.call("POST", `${path}/event-types`, { name: CHECKED_TYPE, versions: [{ version: 1, schema: CHECKED_SCHEMA }] })
  return senderOf(posthorn, applicationId)
}

async function senderOf(posthorn: RunningPosthorn, applicationId: string): Promise<Target> {
  const key = await posthorn.call<{ token: string }>("POST", `/v1/applications/${applicationId}/keys`, { name: "bench", role: "sender" })
  return targetOf(posthorn, key.token)
}

/** Where and how the operator publishes; every event has to name its application. */
export const operatorTarget = (posthorn: RunningPosthorn): Target => targetOf(posthorn, posthorn.adminKey)

const targetOf = ({ httpPort }: RunningPosthorn, key: string): Target => ({
  host: "127.0.0.1",
  port: httpPort,
  path: "/v1/events",
  headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
  expectStatus: 202,
})
