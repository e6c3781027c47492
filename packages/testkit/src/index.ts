export { eventually, type EventuallyOptions } from "./eventually.ts"
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
export { type Kafka, type KafkaOptions, startKafka } from "./kafka/kafka.ts"
export type { KafkaBroker } from "./kafka/kafka-broker.ts"
export { type KafkaForTests, kafkaForTests } from "./kafka/kafka-for-tests.ts"
export { whyNoKafkaJars } from "./kafka/kafka-jars.ts"
export { type SocketFactory, type StallableNetwork, startStallableNetwork } from "./kafka/stallable-network.ts"
