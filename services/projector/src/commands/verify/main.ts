import { runCommand } from "../command.ts"
import { verify } from "./verify.ts"

process.exit(await runCommand(verify, process))
