import { afterEach, expect, test } from "vitest"
import { checkHealth } from "./health.ts"
import { type HealthServer, startHealthServer } from "./health-server.ts"
import { Metrics } from "./metrics.ts"

let server: HealthServer | undefined
afterEach(async () => {
  await server?.stop()
  server = undefined
})

test("health asks every component: down without a vital one, degraded without another, bounded when one hangs", async () => {
  const ok = { check: async () => ({ status: "ok" as const }), vital: true }
  const broken = { check: () => Promise.reject(new Error("10.0.0.7 refused")), vital: false }
  const hangs = { check: () => new Promise<never>(() => {}), vital: true }
  expect((await checkHealth({ ok })).status).toBe("ok")
  expect(await checkHealth({ ok, broken })).toEqual({
    status: "degraded",
    components: { ok: { status: "ok" }, broken: { status: "down", detail: "not reachable" } },
  })
  expect((await checkHealth({ ok, hangs })).status).toBe("down")
})

test("the server answers its four paths and nothing else", async () => {
  const metrics = new Metrics()
  metrics.counter({ name: "sample_things_total", help: "Things." }).add(2)
  let status: "ok" | "down" = "ok"
  let ready = false
  server = await startHealthServer({
    host: "127.0.0.1",
    port: 0,
    sources: { health: async () => ({ status, components: {} }), ready: () => ready, alive: () => true, metrics },
  })
  const get = async (path: string, method = "GET") => {
    const response = await fetch(server?.url + path, { method })
    return [response.status, await response.text()]
  }
  expect(await get("/health")).toEqual([200, '{"status":"ok","components":{}}'])
  expect((await get("/readyz"))[0]).toBe(503)
  ;[status, ready] = ["down", true]
  expect((await get("/health"))[0]).toBe(503)
  expect((await get("/readyz"))[0]).toBe(200)
  expect((await get("/livez"))[0]).toBe(200)
  expect((await get("/metrics?x=1"))[1]).toContain("sample_things_total 2")
  expect((await get("/"))[0]).toBe(404)
  expect((await get("/health", "POST"))[0]).toBe(404)
})

test("stopping does not wait for idle connections", async () => {
  const started = await startHealthServer({
    host: "127.0.0.1",
    port: 0,
    sources: { health: async () => ({ status: "ok", components: {} }), ready: () => true, alive: () => true, metrics: new Metrics() },
  })
  await (await fetch(`${started.url}/livez`)).text()
  await started.stop()
  await expect(fetch(`${started.url}/livez`)).rejects.toThrow()
})
