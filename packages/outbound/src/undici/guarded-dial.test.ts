import { createServer, type AddressInfo } from "node:net"
import { expect, it } from "vitest"
import { policyAllowing } from "../conformance/policy-allowing.ts"
import { GuardRefusal } from "../guard/guard-refusal.ts"
import { createGuardedDial, type Dialling } from "./guarded-dial.ts"

const dialling = (): Dialling => ({ startedAt: performance.now(), resolvedAt: 0, connectedAt: 0, readyAt: 0, socket: undefined })

// What the rest of the guard never lets through, so that each check is proved by itself.
it.each([
  { what: "a literal", hostname: "127.0.0.2" },
  { what: "a mapped literal", hostname: "::ffff:7f00:2" },
  { what: "an address that the resolver should not have answered", hostname: "hooks.example.com" },
])("hands over no connection to $what that the policy refuses", async ({ hostname }) => {
  const server = createServer((socket) => socket.on("error", () => undefined).resume())
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.2", resolve))
  const { port } = server.address() as AddressInfo
  const dial = createGuardedDial(policyAllowing("127.0.0.1/32"), () => Promise.resolve([{ address: "127.0.0.2", family: 4 }]))
  const { promise, resolve } = Promise.withResolvers<unknown>()
  dial({ hostname, host: hostname, protocol: "http:", port: String(port) }, dialling(), (error, socket) => resolve(error ?? socket))
  expect(await promise).toBeInstanceOf(GuardRefusal)
  await new Promise((closed) => server.close(closed))
})
