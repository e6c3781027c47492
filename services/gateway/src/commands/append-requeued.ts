import { toBinary } from "@bufbuild/protobuf"
import type { Requeued } from "@posthorn/core"
import type { LogAppender } from "@posthorn/log"
import { AttemptRecordSchema, DeliveryDueSchema } from "@posthorn/proto"

/**
 * Begins new rounds. The tries come before the word that there are any: whoever is interrupted in between begins the same rounds once more, and
 * copies of a try are recognised. The other way round a delivery could wait for a try that nobody makes. Rejects with `LogUnavailable`.
 */
export async function appendRequeued(log: LogAppender, rounds: readonly Requeued[]): Promise<void> {
  const appendClass = rounds.every(({ due }) => due.bulk) ? "bulk" : "live"
  await log.append(
    rounds.map(({ due }) => ({
      topic: due.bulk ? "deliveries.bulk" : "deliveries",
      key: due.subscriptionId,
      value: toBinary(DeliveryDueSchema, due),
    })),
    appendClass,
  )
  await log.append(
    rounds.map(({ due, record }) => ({ topic: "attempts", key: due.subscriptionId, value: toBinary(AttemptRecordSchema, record) })),
    appendClass,
  )
}
