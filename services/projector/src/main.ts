import { runService } from "@posthorn/runtime"
import { variables } from "./config.ts"
import { wire } from "./wire.ts"

await runService({
  name: "projector",
  about: "keeps the status store and the analytics up to date with the event log, and lets go of what is too old",
  variables,
  start: wire,
})
