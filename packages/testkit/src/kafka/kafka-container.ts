import { GenericContainer, Wait } from "testcontainers"
import { freePorts } from "../free-ports.ts"
import { kafkaVersion } from "./kafka-jars.ts"

const CLIENTS_PORT = 9092

/** One broker in a container. Its clients are told the host's port, so that port is chosen before the container starts. */
export async function startKafkaContainer(): Promise<{ readonly brokers: readonly string[]; stop(): Promise<void> }> {
  const [port = 0] = await freePorts(1)
  const address = `127.0.0.1:${port}`
  const container = await new GenericContainer(`apache/kafka:${await kafkaVersion()}`)
    .withExposedPorts({ container: CLIENTS_PORT, host: port })
    .withEnvironment({
      KAFKA_NODE_ID: "1",
      KAFKA_PROCESS_ROLES: "broker,controller",
      KAFKA_LISTENERS: `PLAINTEXT://:${CLIENTS_PORT},CONTROLLER://:9093`,
      KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://${address}`,
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
      KAFKA_CONTROLLER_LISTENER_NAMES: "CONTROLLER",
      KAFKA_CONTROLLER_QUORUM_VOTERS: "1@localhost:9093",
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: "false",
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: "1",
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: "1",
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: "1",
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: "0",
    })
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .start()
  return { brokers: [address], stop: async () => void (await container.stop()) }
}
