import { afterAll, beforeAll, expect, test } from "vitest"
import { openTestDoors, type TestDoors } from "./doors-under-test.ts"

let doors: TestDoors
beforeAll(async () => {
  doors = await openTestDoors()
})
afterAll(() => doors.close())

/** Reads the body to its end: a connection with an answer under way would hold the closing up. */
async function get(path: string, headers: Readonly<Record<string, string>> = {}) {
  const answer = await fetch(doors.url + path, { headers })
  return { status: answer.status, headers: answer.headers, text: await answer.text() }
}

test("the description is answered without a key, and not again to those who have it", async () => {
  const first = await get("/openapi.json")
  expect(first.status).toBe(200)
  expect(first.headers.get("content-type")).toBe("application/json")
  expect(JSON.parse(first.text)).toMatchObject({ openapi: expect.stringMatching(/^3\.1\./), paths: { "/v1/applications": {} } })
  const etag = first.headers.get("etag") ?? ""
  for (const known of [etag, `"other", W/${etag}`, "*"]) {
    const again = await get("/openapi.json", { "if-none-match": known })
    expect([again.status, again.headers.get("etag"), again.text]).toEqual([304, etag, ""])
  }
  expect((await get("/openapi.json", { "if-none-match": '"other"' })).status).toBe(200)
})

test("the viewer comes from this gateway alone, and its page runs nothing that is written into it", async () => {
  const page = await get("/docs")
  expect(page.headers.get("content-type")).toContain("text/html")
  const policy = page.headers.get("content-security-policy") ?? ""
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toMatch(/unsafe|https?:/)
  const html = page.text
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|\son\w+=|style=|https?:/)
  const parts = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? "")
  expect(parts).toHaveLength(5)
  for (const path of parts) {
    const part = await get(`/${path}`)
    expect([path, part.status, part.headers.get("etag")]).toEqual([path, 200, expect.any(String)])
    expect(part.text.length).toBeGreaterThan(100)
  }
})

test("other methods are refused, and other files of the viewer's package are not there", async () => {
  const { status, headers } = await doors.rest("POST", "/openapi.json", {})
  expect([status, headers.get("allow")]).toEqual([405, "GET, HEAD"])
  for (const path of ["/docs/", "/docs/package.json", "/docs/swagger-ui-bundle.js"]) expect((await get(path)).status).toBe(404)
})
