export { type Certificate, certificateFor } from "./certificates.ts"
export { eventually, type EventuallyOptions } from "./eventually.ts"
export { freePort } from "./free-ports.ts"
export { addresses, type DnsQuestion, type DnsReply, type DnsServer, startDnsServer } from "./dns-server.ts"
export {
  answer,
  type Behaviour,
  byPath,
  failFirst,
  hang,
  type ReceivedRequest,
  type Receiver,
  type Reply,
  redirectTo,
  reset,
  startReceiver,
} from "./receiver.ts"
export { flood, OK, type RawBehaviour, type RawEndpoint, startRawEndpoint } from "./raw-endpoint.ts"
export { type Direction, startTcpProxy, type TcpProxy, type TcpProxyOptions } from "./tcp-proxy.ts"
export { openZoo, zoo, zooEndpoint } from "./zoo/zoo.ts"
export { type Expected, type OpenEndpoint, ZOO_TIMEOUT_MS, type ZooEndpoint } from "./zoo/zoo-endpoint.ts"
export type { ZooGrounds } from "./zoo/zoo-grounds.ts"
export { type Kafka, type KafkaOptions, startKafka } from "./kafka/kafka.ts"
export type { KafkaBroker } from "./kafka/kafka-broker.ts"
export { type KafkaForTests, kafkaForTests } from "./kafka/kafka-for-tests.ts"
export { whyNoKafkaJars } from "./kafka/kafka-jars.ts"
export { type SocketFactory, type StallableNetwork, startStallableNetwork } from "./kafka/stallable-network.ts"
