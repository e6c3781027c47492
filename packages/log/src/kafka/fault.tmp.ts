import { setTimeout as delay } from "node:timers/promises"
import { startKafka } from "@posthorn/testkit"
import { createKafkaLog } from "./kafka-log.ts"
const kafka = await startKafka({ brokers: 3, settings: { "leader.imbalance.check.interval.seconds": 1, "leader.imbalance.per.broker.percentage": 0 } })
const t0 = performance.now()
const at = () => Math.round(performance.now() - t0)
let quiet = true
const log = await createKafkaLog({ brokers: kafka.addresses, partitions: 6, clientId: "x", onError: (e) => quiet || console.log(at(), "ERR", e.message.slice(0, 150)) })
let n = 0, rejected = 0, running = true
const calls = Array.from({ length: 40 }, async (_, i) => { while (running) { try { await log.append([{ topic: "events", key: `c${i}`, value: Buffer.from(`${n}`) }]); n++ } catch (e) { rejected++; console.log(at(), String(e), (e as any).outcome, String((e as any).cause)) } await delay(5) } })
const watch = setInterval(() => console.log(at(), n, rejected), 1000)
await delay(3000); quiet = false
console.log(at(), process.argv[2])
if (process.argv[2] === "kill") await kafka.brokers[0]!.stop("SIGKILL"); else kafka.brokers[0]!.signal("SIGSTOP")
await delay(15000)
console.log(at(), "back"); 
if (process.argv[2] === "kill") await kafka.brokers[0]!.start(); else kafka.brokers[0]!.signal("SIGCONT")
console.log(at(), "started"); await delay(6000)
running = false; clearInterval(watch); await Promise.all(calls); await log.close(); console.log(at(), "closed"); await kafka.remove()
