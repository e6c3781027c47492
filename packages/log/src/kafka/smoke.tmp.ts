import { readFileSync } from "node:fs"
import { createKafkaLog } from "./kafka-log.ts"
const brokers = readFileSync("/tmp/kafka-brokers", "utf8").split(",")
const t0 = performance.now()
const at = () => Math.round(performance.now() - t0)
const log = await createKafkaLog({
  brokers,
  prefix: `s${Date.now()}.`,
  partitions: 6,
  clientId: "smoke",
  onError: (e) => console.log(at(), "ERR", e.message),
})
console.log(at(), "open")
const positions = await log.append(
  Array.from({ length: 20 }, (_, i) => ({ topic: "events" as const, key: `k${i}`, value: Buffer.from(`v${i}`) })),
)
console.log(at(), positions.slice(0, 3))
console.log(await log.ends("events"))
let t = performance.now()
let seen = 0
await log.read(
  (await log.ends("events")).map((e) => ({ topic: "events", partition: e.partition, from: e.low, to: e.high })),
  (r) => {
    seen += r.length
  },
)
console.log("read", seen, performance.now() - t)
t = performance.now()
const f = await log.follow("config", 0, (r) => console.log(at(), "follow", r.length))
console.log("follow", performance.now() - t)
await log.append([{ topic: "config", key: "a", value: Buffer.from("x") }])
console.log(at(), "appended config")
t = performance.now()
const latencies: number[] = []
let got = 0
const member = await log.join({
  group: "g",
  topics: ["events", "deliveries"],
  handler: {
    assigned: async (p, c) => {
      return undefined
    },
    records: (p, rs) => {
      got += rs.length
      for (const r of rs) {
        if (r.topic === "deliveries") latencies.push(performance.now() - Number(Buffer.from(r.value).toString()))
        p.finish(r.offset)
      }
    },
    failed: (e) => console.log("FAILED", e),
  },
})
console.log(at(), "joined", performance.now() - t, member.owned().length)
await new Promise((r) => setTimeout(r, 1500))
console.log(at(), "got", got, await log.lag("g", ["events"]))
for (let i = 0; i < 300; i++) {
  await log.append([{ topic: "deliveries", key: `k${i}`, value: Buffer.from(String(performance.now())) }])
  await new Promise((r) => setTimeout(r, 3))
}
latencies.sort((a, b) => a - b)
console.log("hop p50", latencies[150], "p90", latencies[270], latencies.length)
console.log(await log.offsetAt("events", 0, 0), await log.offsetAt("events", 0, Date.now() + 1000))
await log.trim("events", 0, 1)
console.log((await log.ends("events"))[0])
{
  const c = process.cpuUsage()
  await new Promise((r) => setTimeout(r, 5000))
  const d = process.cpuUsage(c)
  console.log("idle ms/s", (d.user + d.system) / 5000)
}
{
  // throughput
  const value = Buffer.alloc(600, "x")
  let n = 0
  const end = performance.now() + 4000
  const c = process.cpuUsage()
  const t1 = performance.now()
  await Promise.all(
    Array.from({ length: 256 }, async (_, w) => {
      while (performance.now() < end) {
        await log.append([{ topic: "events", key: `w${w}-${n}`, value }])
        n++
      }
    }),
  )
  const d = process.cpuUsage(c)
  const s = (performance.now() - t1) / 1000
  console.log("acked/s", Math.round(n / s), "cpu us/rec", (d.user + d.system) / n)
}
t = performance.now()
await log.close()
console.log("closed", performance.now() - t)
