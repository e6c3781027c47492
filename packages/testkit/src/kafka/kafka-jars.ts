import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)
const POM = join(import.meta.dirname, "pom.xml")
const DOWNLOAD_TIMEOUT_MS = 10 * 60_000

/** Version of Kafka that tests run. */
export async function kafkaVersion(): Promise<string> {
  const version = /<artifactId>kafka_2\.13<\/artifactId>\s*<version>([^<]+)/.exec(await readFile(POM, "utf8"))?.[1]
  if (version === undefined) throw new Error(`no Kafka version in ${POM}`)
  return version
}

/** Why Kafka cannot be run from its jars on this machine; undefined when it can. */
export async function whyNoKafkaJars(): Promise<string | undefined> {
  const absent = await Promise.all(
    [["java", "-version"] as const, ["mvn", "-version"] as const].map(async ([command, argument]) =>
      (await answers(command, [argument], 20_000)) ? [] : [command],
    ),
  )
  return absent.flat().length === 0 ? undefined : `not on this machine: ${absent.flat().join(", ")}`
}

/** Whether a command ends well within a time. */
export async function answers(command: string, commandArguments: readonly string[], timeoutMs: number): Promise<boolean> {
  return run(command, [...commandArguments], { timeout: timeoutMs }).then(
    () => true,
    () => false,
  )
}

/**
 * Folder with the jars of the Kafka that `pom.xml` names. Fetched once for each version with Maven, then a file check.
 * Several processes may ask at the same time: the folder appears in one step, and the first one wins.
 */
export async function kafkaJars(): Promise<string> {
  const version = await kafkaVersion()
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "posthorn")
  const jars = join(cache, `kafka-${version}`)
  if (existsSync(jars)) return jars

  await mkdir(cache, { recursive: true })
  const partial = await mkdtemp(join(cache, `kafka-${version}.partial-`))
  process.stderr.write(`Fetching Apache Kafka ${version} from Maven Central into ${jars} (about 45 MB, once)\n`)
  try {
    await run("mvn", ["-q", "-B", "-ntp", "-f", POM, "dependency:copy-dependencies", `-DoutputDirectory=${partial}`], {
      timeout: DOWNLOAD_TIMEOUT_MS,
    })
    await rename(partial, jars).catch((error: unknown) => {
      if (!existsSync(jars)) throw error
    })
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
  return jars
}
