import type { EventLog } from "./event-log.ts"
import { createKafkaLog } from "./kafka/kafka-log.ts"
import { createPostgresLog } from "./postgres/postgres-log.ts"

/** Which log an installation has, as its environment says. */
export interface LogSettings {
  /** None = the log is in Postgres. */
  readonly kafkaBrokers?: readonly string[] | undefined
  readonly kafkaSsl: boolean
  readonly kafkaSaslMechanism?: "plain" | "scram-sha-256" | "scram-sha-512" | undefined
  readonly kafkaSaslUsername?: string | undefined
  readonly kafkaSaslPassword?: string | undefined
  readonly topicPrefix: string
  readonly partitions: number
  /** Needed without Kafka. */
  readonly postgresUrl?: string | undefined
}

export interface OpenLogOptions {
  /** Names this process to Kafka. */
  readonly clientId: string
  /** Told of faults that are tried again. */
  readonly onError: (error: Error) => void
}

/** Opens the log that the settings name, and creates what is missing there. */
export function openLog(settings: LogSettings, { clientId, onError }: OpenLogOptions): Promise<EventLog> {
  const { kafkaBrokers = [], kafkaSsl, kafkaSaslMechanism: mechanism, topicPrefix, partitions, postgresUrl } = settings
  if (kafkaBrokers.length > 0) {
    const sasl = mechanism && { mechanism, username: settings.kafkaSaslUsername ?? "", password: settings.kafkaSaslPassword ?? "" }
    return createKafkaLog({
      brokers: kafkaBrokers,
      clientId,
      partitions,
      prefix: topicPrefix,
      ssl: kafkaSsl,
      onError,
      ...(sasl ? { sasl } : {}),
    })
  }
  if (postgresUrl === undefined) throw new Error("the log needs Kafka's brokers or a Postgres URL")
  return createPostgresLog({ url: postgresUrl, partitions, onError })
}

/** What is wrong with settings that each are right by themselves. */
export function judgeLogSettings({
  kafkaBrokers = [],
  postgresUrl,
}: Pick<LogSettings, "kafkaBrokers" | "postgresUrl">): { variable: string; problem: string }[] {
  if (kafkaBrokers.length > 0 || postgresUrl !== undefined) return []
  return [
    {
      variable: "POSTHORN_KAFKA_BROKERS",
      problem: "is not set, and neither is POSTHORN_POSTGRES_URL; one of them has to name the event log",
    },
  ]
}
