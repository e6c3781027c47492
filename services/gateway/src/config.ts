import { sharedVariables as shared } from "@posthorn/runtime"
import { dialectVariables } from "./dialects/dialect-variables.ts"

/** The environment of the gateway. */
export const variables = {
  host: shared.host,
  httpPort: { ...shared.httpPort, meaning: "port of REST, ingest, Connect and gRPC-Web" },
  grpcPort: shared.grpcPort,
  kafkaBrokers: shared.kafkaBrokers,
  kafkaSsl: shared.kafkaSsl,
  kafkaSaslMechanism: shared.kafkaSaslMechanism,
  kafkaSaslUsername: shared.kafkaSaslUsername,
  kafkaSaslPassword: shared.kafkaSaslPassword,
  topicPrefix: shared.topicPrefix,
  partitions: shared.partitions,
  postgresUrl: shared.postgresUrl,
  clickhouseUrl: shared.clickhouseUrl,
  analyticsRetentionDays: shared.analyticsRetentionDays,
  adminKey: shared.adminKey,
  encryptionKeys: shared.encryptionKeys,
  allowPrivateNetworks: shared.allowPrivateNetworks,
  ingestRateLimit: shared.ingestRateLimit,
  corsOrigins: shared.corsOrigins,
  ...dialectVariables,
  logLevel: shared.logLevel,
} as const
