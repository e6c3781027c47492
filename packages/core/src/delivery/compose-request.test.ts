import { expect, test } from "vitest"
import { visibleHeaders } from "./compose-request.ts"

test("what may be a secret is not shown: by its name, as a signature, or because a subscription adds it under whatever name", () => {
  const own = { "X-Tenant": "s3cret", "User-Agent": "theirs" }
  const sent = {
    "x-tenant": "s3cret",
    "user-agent": "Posthorn/1",
    authorization: "Bearer t",
    "webhook-signature": "v1,x",
    "x-hub-signature-256": "sha256=x",
    "webhook-id": "dlv_1",
    "content-type": "application/json",
  }
  expect(visibleHeaders(sent, own)).toEqual({
    ...sent,
    "x-tenant": "[hidden]",
    authorization: "[hidden]",
    "webhook-signature": "[hidden]",
    "x-hub-signature-256": "[hidden]",
  })
  expect(visibleHeaders({ "set-cookie": "a", "content-length": "2" })).toEqual({ "set-cookie": "[hidden]", "content-length": "2" })
})
