import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { freePorts } from "../free-ports.ts"
import { KafkaBroker } from "./kafka-broker.ts"
import { kafkaJars } from "./kafka-jars.ts"

const run = promisify(execFile)

export interface KafkaOptions {
  /** Three show faults of clients that one cannot; one starts faster. */
  readonly brokers: 1 | 3
  /** Broker settings, laid over the ones that suit tests. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  /** Opens a way to a port and answers the port that it begins at: each broker then has a second address, whose clients all come that way. */
  readonly wayTo?: (port: number) => Promise<number>
}

/** A running Apache Kafka on loopback with throw-away data. Made for correctness, not for throughput: small heap, quick compiler only. */
export interface Kafka {
  readonly brokers: readonly KafkaBroker[]
  /** `host:port` of every broker. */
  readonly addresses: readonly string[]
  /** The same by the ways of `wayTo`; empty without it. */
  readonly wayAddresses: readonly string[]
  /** Kills every broker and deletes all data. */
  remove(): Promise<void>
}

/** Starts Kafka from jars that are fetched once. Needs `java` (17 or later), and `mvn` the first time. */
export async function startKafka(options: KafkaOptions): Promise<Kafka> {
  const jars = await kafkaJars()
  const kafka = await layOut(options, jars, [`-XX:SharedArchiveFile=${await classData(jars)}`])
  try {
    await Promise.all(kafka.brokers.map((broker) => broker.start()))
    return kafka
  } catch (error) {
    await kafka.remove()
    throw error
  }
}

/** Class data of a finished start, mapped into later ones: halves the time to start. Fits these jars only, so it lies beside them. */
async function classData(jars: string): Promise<string> {
  const archive = `${jars}.jsa`
  if (existsSync(archive)) return archive
  const partial = `${archive}.${process.pid}`
  const kafka = await layOut({ brokers: 1 }, jars, [`-XX:ArchiveClassesAtExit=${partial}`])
  try {
    for (const broker of kafka.brokers) {
      await broker.start()
      await broker.stop("SIGTERM")
    }
    await rename(partial, archive)
  } finally {
    await kafka.remove()
    await rm(partial, { force: true })
  }
  return archive
}

async function layOut(options: KafkaOptions, jars: string, flags: readonly string[]): Promise<Kafka> {
  const nodes = await nodesOf(options)
  const voters = nodes.map((node) => `${node.id}@${node.controller}`).join()
  const brokers = await Promise.all(
    nodes.map(async (node) => {
      const home = await mkdtemp(join(tmpdir(), "posthorn-kafka-"))
      const properties = join(home, "server.properties")
      const settings = { ...settingsOf({ node, voters, home, brokers: options.brokers }), ...options.settings }
      await writeFile(
        properties,
        Object.entries(settings)
          .map(([name, value]) => `${name}=${value}\n`)
          .join(""),
      )
      const javaArguments = [...JAVA_FLAGS, "-cp", join(jars, "*")]
      await run("java", [...javaArguments, "kafka.tools.StorageTool", "format", "-t", "posthorn-tests", "-c", properties])
      return new KafkaBroker({ address: node.address, home, javaArguments: [...flags, ...javaArguments] })
    }),
  )
  return {
    brokers,
    addresses: brokers.map((broker) => broker.address),
    wayAddresses: nodes.flatMap(({ way }) => way?.begins ?? []),
    remove: async () => void (await Promise.all(brokers.map((broker) => broker.remove()))),
  }
}

interface Node {
  readonly id: number
  readonly address: string
  readonly controller: string
  /** Where its clients begin, and where it ends at the broker. */
  readonly way: { readonly begins: string; readonly ends: string } | undefined
}

async function nodesOf({ brokers, wayTo }: KafkaOptions): Promise<Node[]> {
  const ports = await freePorts(3 * brokers)
  const onLoopback = (port: number | undefined): string => `127.0.0.1:${port}`
  return Promise.all(
    Array.from({ length: brokers }, async (_, index) => {
      const [port, controller, wayEnd = 0] = ports.slice(3 * index)
      const way = wayTo && { begins: onLoopback(await wayTo(wayEnd)), ends: onLoopback(wayEnd) }
      return { id: index + 1, address: onLoopback(port), controller: onLoopback(controller), way }
    }),
  )
}

const JAVA_FLAGS = [
  "-Xms64m",
  "-Xmx256m",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-Xlog:disable",
  "-Xlog:all=error:stderr",
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
  "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
]

interface Layout {
  readonly node: Node
  readonly voters: string
  readonly home: string
  readonly brokers: number
}

function settingsOf({ node, voters, home, brokers }: Layout): Record<string, string | number | boolean> {
  const inSync = Math.max(1, brokers - 1)
  return {
    "process.roles": "broker,controller",
    "node.id": node.id,
    listeners: `PLAINTEXT://${node.address},CONTROLLER://${node.controller}${node.way ? `,WAY://${node.way.ends}` : ""}`,
    "advertised.listeners": `PLAINTEXT://${node.address}${node.way ? `,WAY://${node.way.begins}` : ""}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,WAY:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.voters": voters,
    "log.dirs": join(home, "data"),
    "auto.create.topics.enable": false,
    "default.replication.factor": brokers,
    "min.insync.replicas": inSync,
    "offsets.topic.replication.factor": brokers,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": brokers,
    "transaction.state.log.min.isr": inSync,
    "transaction.state.log.num.partitions": 4,
    "group.initial.rebalance.delay.ms": 0,
    // A restart after SIGKILL waits until the old registration has expired: 9 s by default.
    "broker.session.timeout.ms": 2000,
    "broker.heartbeat.interval.ms": 500,
    // Retention is checked often enough for tests to see it; the default is five minutes.
    "log.retention.check.interval.ms": 1000,
    "log.initial.task.delay.ms": 500,
  }
}
