import type { EventLog } from "@posthorn/log"
import { openLog } from "@posthorn/log/open"

/** As services have them unless told otherwise. */
export const PARTITIONS = 6

/** The log of an installation, to put records into it directly; on Kafka if `POSTHORN_KAFKA_BROKERS` says so. */
export async function openBenchLog({ topicPrefix, postgresUrl }: { topicPrefix: string; postgresUrl: string }): Promise<EventLog> {
  const kafkaBrokers = (process.env["POSTHORN_KAFKA_BROKERS"] ?? "").split(",").filter((broker) => broker !== "")
  const settings = { kafkaBrokers, kafkaSsl: false, topicPrefix, partitions: PARTITIONS, postgresUrl }
  const onError = (error: Error): void => console.error("the log reports a fault:", error.message)
  return openLog(settings, { clientId: "posthorn-bench", onError })
}
