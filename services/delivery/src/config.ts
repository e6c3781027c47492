import { sharedVariables as shared } from "@posthorn/runtime"

const { required: _required, ...postgresUrl } = shared.postgresUrl

/** The environment of the delivery service. */
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
  postgresUrl: { ...postgresUrl, meaning: "the event log, unless it is on Kafka", unset: "needed without Kafka" },
  encryptionKeys: shared.encryptionKeys,
  allowPrivateNetworks: shared.allowPrivateNetworks,
  dnsServers: shared.dnsServers,
  logLevel: shared.logLevel,
} as const
