import { parsers, sharedVariables as shared } from "@posthorn/runtime"

/** The environment of the projector. */
export const variables = {
  host: shared.host,
  httpPort: { ...shared.httpPort, meaning: "port of /health, /livez, /readyz and /metrics" },
  kafkaBrokers: shared.kafkaBrokers,
  kafkaSsl: shared.kafkaSsl,
  kafkaSaslMechanism: shared.kafkaSaslMechanism,
  kafkaSaslUsername: shared.kafkaSaslUsername,
  kafkaSaslPassword: shared.kafkaSaslPassword,
  topicPrefix: shared.topicPrefix,
  partitions: shared.partitions,
  postgresUrl: shared.postgresUrl,
  clickhouseUrl: shared.clickhouseUrl,
  retentionHours: shared.retentionHours,
  analyticsRetentionDays: shared.analyticsRetentionDays,
  logLevel: shared.logLevel,
} as const

const { required: _postgres, ...postgresUrl } = shared.postgresUrl
const { required: _clickhouse, ...clickhouseUrl } = shared.clickhouseUrl

/** The environment of commands: the services', or the data folder of a standalone. */
export const commandVariables = {
  dataDir: {
    name: "POSTHORN_DATA_DIR",
    default: ".posthorn",
    meaning: "data folder of a standalone, running or not, for what no URL is given of",
    parser: parsers.text,
  },
  kafkaBrokers: shared.kafkaBrokers,
  kafkaSsl: shared.kafkaSsl,
  kafkaSaslMechanism: shared.kafkaSaslMechanism,
  kafkaSaslUsername: shared.kafkaSaslUsername,
  kafkaSaslPassword: shared.kafkaSaslPassword,
  topicPrefix: shared.topicPrefix,
  partitions: shared.partitions,
  postgresUrl: { ...postgresUrl, unset: "that of the data folder" },
  clickhouseUrl: { ...clickhouseUrl, unset: "that of the data folder" },
  retentionHours: shared.retentionHours,
  analyticsRetentionDays: shared.analyticsRetentionDays,
} as const
