import type { EnvTable } from "./env.ts"
import {
  addressMaybePort,
  boolean,
  hostPort,
  integer,
  jsonOrCommaList,
  list,
  matching,
  network,
  oneOf,
  port,
  text,
  url,
  rate,
} from "./env-parsers.ts"
import { LOG_LEVELS } from "./logger.ts"
import { encryptionKeys } from "./secret-box.ts"

/** Variables that mean the same in more than one service: each service's table takes the ones that it uses. */
export const sharedVariables = {
  host: { name: "POSTHORN_HOST", default: "0.0.0.0", meaning: "address to bind", parser: text },
  httpPort: { name: "POSTHORN_HTTP_PORT", default: "8080", meaning: "port of HTTP", parser: port },
  grpcPort: { name: "POSTHORN_GRPC_PORT", default: "8081", meaning: "port of gRPC", parser: port },
  logLevel: { name: "LOG_LEVEL", default: "info", meaning: "least level of log lines that are written", parser: oneOf(LOG_LEVELS) },
  kafkaBrokers: {
    name: "POSTHORN_KAFKA_BROKERS",
    meaning: "brokers of the event log",
    unset: "the log is in Postgres",
    parser: list(hostPort),
  },
  kafkaSsl: { name: "POSTHORN_KAFKA_SSL", default: "false", meaning: "whether brokers are reached over TLS", parser: boolean },
  kafkaSaslMechanism: {
    name: "POSTHORN_KAFKA_SASL_MECHANISM",
    meaning: "how to log in to Kafka",
    unset: "no login",
    parser: oneOf(["plain", "scram-sha-256", "scram-sha-512"]),
  },
  kafkaSaslUsername: { name: "POSTHORN_KAFKA_SASL_USERNAME", meaning: "name to log in to Kafka", parser: text },
  kafkaSaslPassword: { name: "POSTHORN_KAFKA_SASL_PASSWORD", meaning: "password to log in to Kafka", parser: text },
  topicPrefix: {
    name: "POSTHORN_TOPIC_PREFIX",
    default: "posthorn.",
    meaning: "what names of topics and groups begin with",
    parser: matching(/[A-Za-z0-9._-]{0,50}/, "at most 50 letters, digits, dots, dashes and underscores"),
  },
  partitions: {
    name: "POSTHORN_PARTITIONS",
    default: "6",
    meaning: "partitions of every topic but config; fixed once topics exist",
    parser: integer(1, 1000),
  },
  postgresUrl: {
    name: "POSTHORN_POSTGRES_URL",
    alias: "DATABASE_URL",
    required: true,
    meaning: "status store, and the event log without Kafka",
    parser: url("postgres", "postgresql"),
  },
  clickhouseUrl: { name: "POSTHORN_CLICKHOUSE_URL", required: true, meaning: "analytics", parser: url("http", "https") },
  adminKey: {
    name: "POSTHORN_ADMIN_KEY",
    required: true,
    meaning: "the operator's key",
    parser: matching(/[\x21-\x7e]{32,256}/, "32 to 256 visible characters"),
  },
  encryptionKeys: {
    name: "POSTHORN_ENCRYPTION_KEYS",
    required: true,
    meaning: "keys that encrypt secrets; the first one encrypts, all decrypt",
    parser: encryptionKeys,
  },
  allowPrivateNetworks: {
    name: "POSTHORN_ALLOW_PRIVATE_NETWORKS",
    default: "",
    meaning: "networks that deliveries may reach although they are not public",
    parser: list(network),
  },
  dnsServers: {
    name: "POSTHORN_DNS_SERVERS",
    meaning: "servers that resolve the names of endpoints",
    unset: "the system's",
    parser: list(addressMaybePort),
  },
  ingestRateLimit: {
    name: "POSTHORN_INGEST_RATE_LIMIT",
    meaning: "events that an application may publish to one gateway unless it says otherwise itself",
    unset: "none",
    parser: rate,
  },
  corsOrigins: {
    name: "CORS_ORIGINS",
    default: "",
    meaning: "origins whose pages may read answers",
    parser: jsonOrCommaList(matching(/\*|https?:\/\/[^/\s]+/, "an origin such as https://app.example.com, or *")),
  },
  retentionHours: {
    name: "LOG_RETENTION_HOURS",
    default: "72",
    meaning: "hours that status rows and attempts are kept",
    parser: integer(1, 8760),
  },
  analyticsRetentionDays: {
    name: "POSTHORN_ANALYTICS_RETENTION_DAYS",
    default: "90",
    meaning: "days that analytics are kept",
    parser: integer(1, 3650),
  },
} as const satisfies EnvTable
