import { runCommand } from "../command.ts"
import { conservation } from "./conservation.ts"

process.exit(await runCommand(conservation, process))
