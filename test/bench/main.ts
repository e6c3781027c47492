/** `pnpm bench <lane>`: one figure that can be compared between machines, because both sides of its ratio run here and now. */
import { endToEnd } from "./lanes/end-to-end.ts"
import { ingestHttp } from "./lanes/ingest-http.ts"

const LANES: Readonly<Record<string, () => Promise<void>>> = { "ingest-http": ingestHttp, "end-to-end": endToEnd }
const [name = ""] = process.argv.slice(2)
const lane = LANES[name]
if (lane === undefined) {
  console.error(
    `usage: pnpm bench <lane>\nlanes: ${Object.keys(LANES).join(", ")}\nPOSTHORN_BENCH_ROUNDS sets how many rounds are counted (5); POSTHORN_KAFKA_BROKERS runs them on Kafka.`,
  )
  process.exit(2)
}
await lane()
