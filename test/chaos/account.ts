import { spawn } from "node:child_process"
import { text } from "node:stream/consumers"
import { join } from "node:path"
import type { Services } from "../e2e/installation.ts"

const POSTHORN = join(import.meta.dirname, "../../services/posthorn.ts")
/** For a projector that lost its partitions just now to get them back, and to catch up. */
const WAIT_SECONDS = 60

/**
 * Accounts for every accepted event, and then holds both views against the log, with Posthorn's own commands. Answers what is missing or differs, and what
 * came of a command if it could not tell; empty when all is well.
 */
export async function account(posthorn: Services): Promise<readonly string[]> {
  const conservation = await run(posthorn, ["conservation", "--wait", `${WAIT_SECONDS}`])
  return [...conservation, ...(await run(posthorn, ["verify"]))]
}

async function run({ kafka, postgresUrl, clickhouseUrl }: Services, words: readonly string[]): Promise<readonly string[]> {
  const command = spawn(process.execPath, [POSTHORN, ...words], {
    env: {
      ...process.env,
      POSTHORN_KAFKA_BROKERS: kafka?.brokers.join(),
      POSTHORN_TOPIC_PREFIX: kafka?.prefix,
      POSTHORN_POSTGRES_URL: postgresUrl,
      POSTHORN_CLICKHOUSE_URL: clickhouseUrl,
    },
    stdio: ["ignore", "pipe", "pipe"],
  })
  const ended = new Promise<number | null>((resolve) => command.on("close", resolve))
  const [code, shown, said] = await Promise.all([ended, text(command.stdout), text(command.stderr)])
  if (code === 0) return []
  const lines = shown.split("\n").filter((line) => line !== "")
  return [`posthorn ${words[0]} ended with ${code}: ${said.trim()}`, ...lines]
}
