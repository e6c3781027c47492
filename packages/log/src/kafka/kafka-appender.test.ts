import kafkajs, { type Kafka, type ProducerBatch, type RecordMetadata } from "kafkajs"
import { describe, expect, test } from "vitest"
import type { PlacedRecord } from "../append-batcher.ts"
import { KafkaAppender } from "./kafka-appender.ts"

const record = (partition: number, value: string): PlacedRecord => ({ topic: "events", key: "", partition, value: Buffer.from(value) })
const answer = (partition: number, baseOffset: number): RecordMetadata => ({
  topicName: "p.events",
  partition,
  baseOffset: String(baseOffset),
  errorCode: 0,
})

/** A client whose sends are answered by a script, one entry for each; says what was sent, and with which of its producers. */
function scripted(answers: (readonly RecordMetadata[] | Error)[]) {
  const sent: { readonly producer: number; readonly values: readonly string[] }[] = []
  let producers = 0
  const kafka = {
    producer: () => {
      const producer = ++producers
      return {
        connect: async () => {},
        disconnect: async () => {},
        sendBatch: async ({ topicMessages = [] }: ProducerBatch) => {
          sent.push({ producer, values: topicMessages.flatMap(({ messages }) => messages.map(({ value }) => String(value))) })
          const next = answers.shift() ?? []
          if (next instanceof Error) throw next
          return next
        },
      }
    },
  } as unknown as Kafka
  return { appender: new KafkaAppender(kafka, (topic) => `p.${topic}`), sent }
}

describe("KafkaAppender", () => {
  test("what the answer of a resolved send leaves out is sent again, and every record gets the position of the send that took it", async () => {
    const { appender, sent } = scripted([[answer(1, 70), answer(0, 7)], [answer(2, 20)]])
    const positions = await appender.write([record(0, "a"), record(2, "b"), record(0, "c"), record(1, "d"), record(2, "e")])
    expect(sent.map(({ values }) => values)).toEqual([
      ["a", "b", "c", "d", "e"],
      ["b", "e"],
    ])
    expect(positions.map(({ partition, offset }) => [partition, offset])).toEqual([
      [0, 7],
      [2, 20],
      [0, 8],
      [1, 70],
      [2, 21],
    ])
  })

  test("after an error that passes, the same producer sends the same records, which brokers recognise as copies", async () => {
    const passing = new kafkajs.KafkaJSNumberOfRetriesExceeded(new kafkajs.KafkaJSError("not the leader"), { retryCount: 2, retryTime: 1 })
    const { appender, sent } = scripted([passing, [answer(0, 3)]])
    expect(await appender.write([record(0, "a")])).toEqual([{ topic: "events", partition: 0, offset: 3 }])
    expect(sent).toEqual([
      { producer: 1, values: ["a"] },
      { producer: 1, values: ["a"] },
    ])
  })

  test("a producer that gave up is not used again: brokers would take other records for copies", async () => {
    const { appender, sent } = scripted([new kafkajs.KafkaJSNonRetriableError("out of order"), [answer(0, 3)]])
    await expect(appender.write([record(0, "a")])).rejects.toMatchObject({ name: "LogUnavailable", outcome: "unknown" })
    await appender.write([record(0, "b")])
    expect(sent.map(({ producer }) => producer)).toEqual([1, 2])
  })
})
