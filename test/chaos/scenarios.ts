import { BROKER_SCENARIOS } from "./scenarios/brokers.ts"
import { COMMAND_SCENARIOS } from "./scenarios/commands.ts"
import { ENDPOINT_SCENARIOS } from "./scenarios/endpoints.ts"
import { NETWORK_SCENARIOS } from "./scenarios/network.ts"
import { PROCESS_SCENARIOS } from "./scenarios/processes.ts"
import { RECORD_SCENARIOS } from "./scenarios/records.ts"
import type { Scenario } from "./scenarios/scenario.ts"
import { STORE_SCENARIOS } from "./scenarios/stores.ts"
import { VIEW_SCENARIOS } from "./scenarios/views.ts"

export const SCENARIOS: readonly Scenario[] = [
  ...PROCESS_SCENARIOS,
  ...BROKER_SCENARIOS,
  ...NETWORK_SCENARIOS,
  ...STORE_SCENARIOS,
  ...VIEW_SCENARIOS,
  ...ENDPOINT_SCENARIOS,
  ...RECORD_SCENARIOS,
  ...COMMAND_SCENARIOS,
]
