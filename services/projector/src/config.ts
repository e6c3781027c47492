import { sharedVariables as shared } from "@posthorn/runtime"

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
