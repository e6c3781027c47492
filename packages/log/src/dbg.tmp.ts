import { startPostgres } from "@posthorn/testkit/postgres"
import { createPostgresLog } from "./postgres/postgres-log.ts"
import pg from "pg"
const t=Date.now()
const server = await startPostgres()
console.log("pg", Date.now()-t)
const log = await createPostgresLog({ url: server.url, partitions: 4 })
const p = await log.append(Array.from({length:700},(_, i)=>({topic:"deliveries" as const, partition:1, key:"k"+i, value: Buffer.from("v"+i)})))
console.log(p.slice(0,2), p.at(-1))
const client = new pg.Client(server.url); await client.connect()
console.log((await client.query("select count(*), min(\"offset\"), max(\"offset\"), min(length(key)) , max(appended_at_ms) from posthorn_log.records")).rows, (await client.query("select * from posthorn_log.partitions where next_offset>0")).rows)
const seen: any[] = []
await log.read([{topic:"deliveries",partition:1,from:0,to:9999}], (r)=>seen.push(...r))
console.log(seen.length, seen[0], seen[1], seen.at(-1))
console.log(await log.ends("deliveries"), await log.offsetAt("deliveries",1,0))
await client.end()
await log.close(); await server.remove()
