import kafkajs from "kafkajs"
import type { World } from "./scenario.ts"

/** Somebody who is not Posthorn, at its Kafka. */
export const stranger = (kafka: World["posthorn"]["kafka"]): kafkajs.Kafka =>
  new kafkajs.Kafka({ clientId: "stranger", brokers: [...(kafka?.brokers ?? [])], logLevel: kafkajs.logLevel.NOTHING })
