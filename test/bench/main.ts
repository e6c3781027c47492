/** `pnpm bench <lane>`: figures that can be compared between machines where a baseline runs here and now, and absolute ones where none can. */
import { deliver } from "./lanes/deliver.ts"
import { endToEnd } from "./lanes/end-to-end.ts"
import { idle } from "./lanes/idle.ts"
import { ingestHttp } from "./lanes/ingest-http.ts"
import { isolation } from "./lanes/isolation.ts"
import { latency } from "./lanes/latency.ts"
import { retry } from "./lanes/retry.ts"

const LANES: Readonly<Record<string, () => Promise<void>>> = {
  "ingest-http": ingestHttp,
  deliver,
  "end-to-end": endToEnd,
  latency,
  isolation,
  retry,
  idle,
}
const [name = ""] = process.argv.slice(2)
const lane = LANES[name]
if (lane === undefined) {
  console.error(`usage: pnpm bench <lane>
lanes: ${Object.keys(LANES).join(", ")}
POSTHORN_BENCH_ROUNDS sets how many rounds are counted (5).
POSTHORN_BENCH_NODE_OPTIONS is given to Posthorn's processes, for profiling: --cpu-prof.
POSTHORN_KAFKA_BROKERS runs them on Kafka.`)
  process.exit(2)
}
await lane()
