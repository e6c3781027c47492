import type { LoadPlan } from "./load.ts"
import type { RunningPosthorn } from "./processes.ts"

export interface Endpoint {
  readonly url: string
  readonly eventTypes: readonly string[]
  readonly retryPolicy?: { readonly delaysSeconds: readonly number[] }
}

/** What every plan for the same sender says. */
export type Target = Pick<LoadPlan, "host" | "port" | "path" | "headers" | "expectStatus">

/** An application with signed subscriptions; answers where and how to publish to it. */
export async function openTenant(posthorn: RunningPosthorn, endpoints: readonly Endpoint[]): Promise<Target> {
  const application = await posthorn.call<{ id: string }>("POST", "/v1/applications", { name: "bench" })
  for (const endpoint of endpoints)
    await posthorn.call("POST", `/v1/applications/${application.id}/subscriptions`, { ...endpoint, secret: "generate" })
  const key = await posthorn.call<{ token: string }>("POST", `/v1/applications/${application.id}/keys`, { name: "bench", role: "sender" })
  return {
    host: "127.0.0.1",
    port: posthorn.httpPort,
    path: "/v1/events",
    headers: { "content-type": "application/json", authorization: `Bearer ${key.token}` },
    expectStatus: 202,
  }
}
