import { timestampMs } from "@bufbuild/protobuf/wkt"
import { Breaker, tryKey } from "@posthorn/core"
import { decode, type LogReader } from "@posthorn/log"
import { BreakerState, ControlRecordSchema, type BreakerChanged, type CancelTry, type ControlRecord, type RunTry } from "@posthorn/proto"
import { keyOf } from "./tries.ts"
import type { PartitionState } from "./partition-state.ts"

/** Reads all that `control` holds for a partition: what whoever owns it has to know before the first try. */
export async function readControl(log: LogReader, partition: number, state: PartitionState): Promise<void> {
  const { low = 0, high = 0 } = (await log.ends("control"))[partition] ?? {}
  await log.read([{ topic: "control", partition, from: low, to: high }], (records) => {
    for (const { offset, value } of records) {
      const record = decode(ControlRecordSchema, value)
      if (record) remember(record, offset, state)
    }
  })
}

/** Takes in a record, whether or not it has been carried out; twice, or in another order, does nothing more. */
export function remember({ record }: ControlRecord, offset: number, state: PartitionState): void {
  if (record.case === "cancel") rememberCancel(record.value, offset, state)
  if (record.case === "run") rememberRun(record.value, offset, state)
  if (record.case === "breaker") rememberBreaker(record.value, state)
}

function rememberCancel(cancel: CancelTry, offset: number, { tries }: PartitionState): void {
  const copyDueAtMs = cancel.dueAt ? timestampMs(cancel.dueAt) : 0
  tries.wish(keyOf(cancel, cancel.attempt), { kind: "cancel", reason: cancel.reason }, { offset, copyDueAtMs })
}

function rememberRun({ due, dueAt }: RunTry, offset: number, { tries }: PartitionState): void {
  if (due) tries.wish(tryKey(due), { kind: "run" }, { offset, copyDueAtMs: dueAt ? timestampMs(dueAt) : 0 })
}

function rememberBreaker({ subscriptionId, health }: BreakerChanged, { breakers }: PartitionState): void {
  if (health?.state !== BreakerState.OPEN) {
    breakers.delete(subscriptionId)
    return
  }
  const sinceMs = health.since ? timestampMs(health.since) : 0
  const nextProbeAtMs = health.nextProbeAt ? timestampMs(health.nextProbeAt) : 0
  breakers.set(subscriptionId, Breaker.opened({ sinceMs, nextProbeAtMs, failures: health.consecutiveFailures }))
}
