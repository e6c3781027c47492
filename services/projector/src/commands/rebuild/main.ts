import { runCommand } from "../command.ts"
import { rebuild } from "./rebuild.ts"

process.exit(await runCommand(rebuild, process))
