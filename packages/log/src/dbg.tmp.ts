
import { connect, createServer, type AddressInfo, type Socket } from "node:net"
import { startPostgres } from "@posthorn/testkit/postgres"
import { createPostgresLog } from "./postgres/postgres-log.ts"
const server = await startPostgres()
const link = await startLink(server.url)
const log = await createPostgresLog({ url: link.url, partitions: 4 })
const t0 = Date.now(); const say = (...a: any[]) => console.log(Date.now() - t0, ...a)
const member = await log.join({ group: "w", topics: ["deliveries"], handler: { records() {}, failed() {} } })
await log.append([{ topic: "deliveries", key: "a", value: Buffer.from("x") }])
link.swallow(); say("swallow")
await log.append([{ topic: "deliveries", key: "a", value: Buffer.from("x") }]).catch((e) => say(e.outcome, e.cause?.message))
while (member.owned().length) await new Promise((r) => setTimeout(r, 100))
say("lost")
const c: any = (log as any)
await member.leave(); say("left")
await log.close(); say("closed")
await link.close(); say("link"); await server.remove(); say("removed")
/** A way to the database that can be cut (connections break, new ones are refused) or swallow all that is sent. */
async function startLink(url: string) {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let up = true
  let swallowing = false
  const link = createServer((near) => {
    if (!up || swallowing) return up ? sockets.add(near) : near.destroy()
    const far = connect(Number(target.port), target.hostname)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on("error", () => to.destroy())
      from.on("close", () => sockets.delete(from))
      from.pipe(to)
    }
    return undefined
  })
  await new Promise<void>((resolve) => link.listen(0, "127.0.0.1", resolve))
  const through = new URL(url)
  through.port = String((link.address() as AddressInfo).port)
  const cut = async () => {
    up = false
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: through.href,
    cut,
    swallow: () => {
      swallowing = true
      for (const socket of sockets) socket.unpipe().pause()
    },
    restore: async () => {
      up = true
    },
    close: async () => {
      await cut()
      await new Promise<void>((resolve) => link.close(() => resolve()))
    },
  }
}
