import { checkDialect } from "@posthorn/gateway"
import { runService } from "@posthorn/runtime"
import { variables } from "./config.ts"
import { welcome } from "./welcome.ts"
import { wire } from "./wire.ts"

await runService({
  name: "standalone",
  about: "all of Posthorn in one process, on embedded parts where nothing else is named",
  variables,
  check: checkDialect,
  start: async (config, lifecycle) => {
    process.stdout.write(await welcome(await wire(config, lifecycle), process.cwd()))
  },
})
