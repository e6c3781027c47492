import { runService } from "@posthorn/runtime"
import { variables } from "./config.ts"
import { checkDialect } from "./dialects/dialect-variables.ts"
import { wire } from "./wire.ts"

await runService({
  name: "gateway",
  about: "takes events in over REST, ingest addresses, Connect and gRPC, and answers what became of them",
  variables,
  check: checkDialect,
  start: wire,
})
