import { dialectVariables } from "@posthorn/gateway"
import { parsers, sharedVariables as shared } from "@posthorn/runtime"

const { required: _postgresRequired, ...postgresUrl } = shared.postgresUrl
const { required: _clickhouseRequired, ...clickhouseUrl } = shared.clickhouseUrl
const { required: _adminKeyRequired, ...adminKey } = shared.adminKey
const { required: _encryptionKeysRequired, ...encryptionKeys } = shared.encryptionKeys
const { default: _noNetworks, ...allowPrivateNetworks } = shared.allowPrivateNetworks

/** The environment of standalone: every variable has a value by itself. */
export const variables = {
  host: { ...shared.host, default: "127.0.0.1" },
  httpPort: shared.httpPort,
  grpcPort: shared.grpcPort,
  dataDir: {
    name: "POSTHORN_DATA_DIR",
    default: ".posthorn",
    meaning: "folder of the embedded stores and of what is generated",
    parser: parsers.text,
  },
  kafkaBrokers: shared.kafkaBrokers,
  kafkaSsl: shared.kafkaSsl,
  kafkaSaslMechanism: shared.kafkaSaslMechanism,
  kafkaSaslUsername: shared.kafkaSaslUsername,
  kafkaSaslPassword: shared.kafkaSaslPassword,
  topicPrefix: shared.topicPrefix,
  partitions: shared.partitions,
  postgresUrl: { ...postgresUrl, unset: "embedded" },
  clickhouseUrl: { ...clickhouseUrl, unset: "embedded" },
  adminKey: { ...adminKey, unset: "generated once into the data folder" },
  encryptionKeys: { ...encryptionKeys, unset: "generated once into the data folder" },
  allowPrivateNetworks: { ...allowPrivateNetworks, unset: "loopback while the host is a loopback address, otherwise none" },
  dnsServers: shared.dnsServers,
  retentionHours: shared.retentionHours,
  analyticsRetentionDays: shared.analyticsRetentionDays,
  ingestRateLimit: shared.ingestRateLimit,
  corsOrigins: shared.corsOrigins,
  ...dialectVariables,
  logLevel: shared.logLevel,
} as const
