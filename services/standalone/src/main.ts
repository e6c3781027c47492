import { runService } from "@posthorn/runtime"
import { variables } from "./config.ts"
import { wire } from "./wire.ts"

await runService({
  name: "standalone",
  about: "all of Posthorn in one process, on embedded parts where nothing else is named",
  variables,
  start: wire,
})
