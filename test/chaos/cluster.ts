import { type Kafka, startKafka, type TcpProxy } from "@posthorn/testkit"
import kafkajs from "kafkajs"
import { wayThrough } from "./network.ts"

/** Brokers for one scenario after the other. */
export interface Cluster {
  readonly kafka: Kafka
  /** One for each broker: what its `wayAddresses` lead through. */
  readonly ways: readonly TcpProxy[]
  /** Deletes what an installation had there. */
  forget(prefix: string): Promise<void>
  remove(): Promise<void>
}

/** Kafka as three brokers, which can be reached directly, and by ways that can be disturbed. */
export async function startCluster(): Promise<Cluster> {
  const ways: TcpProxy[] = []
  return clusterOf(await startKafka({ brokers: 3, wayTo: wayThrough(ways) }), ways)
}

export const clusterOf = (kafka: Kafka, ways: readonly TcpProxy[] = []): Cluster => ({
  kafka,
  ways,
  async forget(prefix) {
    const admin = new kafkajs.Kafka({ brokers: [...kafka.addresses], logLevel: kafkajs.logLevel.NOTHING }).admin()
    await admin.connect()
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix))
    await admin.deleteTopics({ topics })
    await admin.disconnect()
  },
  async remove() {
    await kafka.remove()
    await Promise.all(ways.map((way) => way.stop()))
  },
})
