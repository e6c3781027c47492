import { startPostgres } from "@posthorn/testkit/postgres"
import { readFileSync } from "node:fs"
import { execFileSync } from "node:child_process"
import { createPostgresLog } from "./postgres/postgres-log.ts"
const server = await startPostgres()
const log = await createPostgresLog({ url: server.url, partitions: 12 })
const other = process.argv.includes("two") ? await createPostgresLog({ url: server.url, partitions: 12 }) : undefined
const value = Buffer.alloc(600, 97)
const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms))
async function acked(ms: number) {
  let n = 0; const end = performance.now() + ms; const c = process.cpuUsage(); const t = performance.now()
  await Promise.all(Array.from({ length: 256 }, async (_, i) => { while (performance.now() < end) { await log.append([{ topic: "events", key: `key-${i}-${n}`, value }]); n++ } }))
  const u = process.cpuUsage(c)
  return { perSecond: Math.round(n / ((performance.now() - t) / 1000)), cpuUsPerRecord: Math.round((u.user + u.system) / n) }
}
await acked(1000)
for (let i = 0; i < 2; i++) console.log("acked", await acked(1500))
// consume everything
let got = 0; const t0 = performance.now()
const hop: number[] = []; let waiting: ((t: number) => void) | undefined
const m = await log.join({ group: "g", topics: ["events"], handler: { records(p, rs) { got += rs.length; for (const r of rs) p.finish(r.offset); waiting?.(performance.now()) }, failed(e) { console.log("failed", e) } } })
let total = 0; for (const e of await log.ends("events")) total += e.high
while (got < total) await sleep(5)
console.log("consumed", total, Math.round(total / ((performance.now() - t0) / 1000)), "/s")
const acks: number[] = []
for (let i = 0; i < 400; i++) { const t = performance.now(); const p = new Promise<number>((r) => (waiting = r)); const a = log.append([{ topic: "events", key: `${i}`, value }]).then(() => performance.now()); hop.push(await p - t); acks.push(await a - t); await sleep(5) }
hop.sort((a, b) => a - b); acks.sort((a, b) => a - b)
console.log("append→handler p50", hop[200]!.toFixed(2), "p99", hop[396]!.toFixed(2), "| append ack p50", acks[200]!.toFixed(2), "p99", acks[396]!.toFixed(2))
if (other) { // other process's hop (same process, other client: through NOTIFY)
  let w: any; await other.join({ group: "h", topics: ["attempts"], handler: { records(p, rs) { for (const r of rs) p.finish(r.offset); w?.(performance.now()) }, failed() {} } })
  const h: number[] = []
  for (let i = 0; i < 300; i++) { const t = performance.now(); const p = new Promise<number>((r) => (w = r)); void log.append([{ topic: "attempts", key: `${i}`, value }]); h.push(await p - t); await sleep(5) }
  h.sort((a, b) => a - b); console.log("hop by notify p50", h[150]!.toFixed(2), "p99", h[297]!.toFixed(2))
}
// idle: several groups as standalone has
for (const [group, topics] of [["router", ["events"]], ["worker", ["deliveries", "deliveries.bulk"]], ["retry", ["retry.5s", "retry.1m", "retry.5m", "retry.15m", "retry.1h"]], ["pp", ["events", "attempts", "dead-letters", "config"]], ["pc", ["events", "attempts"]]] as const) await log.join({ group, topics, handler: { records(p, rs) { for (const r of rs) p.finish(r.offset) }, failed() {} } })
await log.follow("config", 0, () => {})
for (const g of ["router", "pp", "pc"]) while ((await log.lag(g, ["events"])).some((l) => l.committed < l.high)) await sleep(200)
await sleep(4000)
const pgCpu = () => execFileSync("sh", ["-c", "ps -u postgres -o pid= "]).toString().trim().split(/\s+/).reduce((s, pid) => { try { const f = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" "); return s + Number(f[11]) + Number(f[12]) } catch { return s } }, 0)
const c = process.cpuUsage(); const g = pgCpu(); await sleep(10000); const u = process.cpuUsage(c)
console.log("idle node %", ((u.user + u.system) / 1e6 / 10 * 100).toFixed(2), "all postgres-user processes %", ((pgCpu() - g) / 100 / 10 * 100).toFixed(2))
void m
await log.close(); await other?.close(); await server.remove()
