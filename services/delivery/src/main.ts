import { judgeLogSettings } from "@posthorn/log/open"
import { runService } from "@posthorn/runtime"
import { variables } from "./config.ts"
import { wire } from "./wire.ts"

await runService({
  name: "delivery",
  about: "matches events with subscriptions, sends, and tries again",
  variables,
  check: judgeLogSettings,
  start: wire,
})
