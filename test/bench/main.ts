/** `pnpm bench <lane>`: figures that can be compared between machines where a baseline runs here and now, and absolute ones where none can. */
import { showVerdicts, type Verdict } from "./figures.ts"
import { analytics } from "./lanes/analytics.ts"
import { cost } from "./lanes/cost.ts"
import { deliver } from "./lanes/deliver.ts"
import { endToEnd } from "./lanes/end-to-end.ts"
import { idle } from "./lanes/idle.ts"
import { ingestBatch } from "./lanes/ingest-batch.ts"
import { ingestGrpc } from "./lanes/ingest-grpc.ts"
import { ingestHttp } from "./lanes/ingest-http.ts"
import { isolation, VARIANTS } from "./lanes/isolation.ts"
import { latency } from "./lanes/latency.ts"
import { memory } from "./lanes/memory.ts"
import { rebuild } from "./lanes/rebuild.ts"
import { retention } from "./lanes/retention.ts"
import { retry } from "./lanes/retry.ts"
import { subscriptions } from "./lanes/subscriptions.ts"
import { views, VIEWS_VARIANTS } from "./lanes/views.ts"

type Lane = (variants: readonly string[]) => Promise<readonly Verdict[]>

const LANES: Readonly<Record<string, Lane>> = {
  "ingest-http": ingestHttp,
  "ingest-grpc": ingestGrpc,
  "ingest-batch": ingestBatch,
  deliver,
  "end-to-end": endToEnd,
  latency,
  cost,
  isolation,
  retry,
  rebuild,
  analytics,
  memory,
  subscriptions,
  retention,
  views,
  idle,
}

const [name = "", ...variants] = process.argv.slice(2)
const chosen = name === "all" ? Object.entries(LANES) : Object.entries(LANES).filter(([each]) => each === name)
const known: readonly string[] = name === "isolation" ? VARIANTS : name === "views" ? VIEWS_VARIANTS : []
if (chosen.length === 0 || !variants.every((each) => known.includes(each))) {
  console.error(`usage: pnpm bench <lane> [variants] | all
lanes: ${Object.keys(LANES).join(", ")}
variants of isolation: ${VARIANTS.join(", ")}; of views: ${VIEWS_VARIANTS.join(", ")}
POSTHORN_BENCH_ROUNDS sets how many rounds are counted (5, or fewer where a round takes minutes).
POSTHORN_BENCH_NODE_OPTIONS is given to Posthorn's processes, for profiling: --cpu-prof.
POSTHORN_KAFKA_BROKERS runs them on Kafka.`)
  process.exit(2)
}

const verdicts: Verdict[] = []
const failed: string[] = []
for (const [each, lane] of chosen) {
  try {
    verdicts.push(...(await lane(variants)))
  } catch (error) {
    // The other lanes still say what they have to say.
    console.error(`${each} measured nothing:`, error)
    failed.push(each)
  }
}
if (name === "all") console.log(`\n${showVerdicts(verdicts)}`)
if (failed.length > 0) {
  console.error(`failed: ${failed.join(", ")}`)
  process.exitCode = 1
}
