import { timestampDate } from "@bufbuild/protobuf/wkt"
import { FindingKindSchema, type ConservationHour, type FindingKind, type LogPosition } from "@posthorn/proto"

/** Hours for people: a line for each, and one for whatever is missing or late in it. */
export function showHours(hours: readonly ConservationHour[]): readonly string[] {
  const head = ["hour", "application", "accepted", "finished", "on their way", "unmatched", "not routed yet", "missing"]
  const cells = hours.map((hour) => [
    hour.hour ? timestampDate(hour.hour).toISOString().slice(0, 13) : "",
    hour.applicationId,
    ...[hour.accepted, hour.finished, hour.onTheirWay, hour.unmatched, hour.notRoutedYet, hour.missing].map(String),
  ])
  const widths = head.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)))
  const lineOf = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd()
  return [lineOf(head), ...cells.flatMap((row, index) => [lineOf(row), ...detailsOf(hours[index])])]
}

function detailsOf(hour: ConservationHour | undefined): readonly string[] {
  const { findings = [], findingCount = 0n, late = [] } = hour ?? {}
  const more = findingCount - BigInt(findings.length)
  return [
    ...findings.map(
      ({ kind, deliveryId, eventId, reason, lastRecord }) =>
        `  ${wordOf(kind)} ${deliveryId || eventId}: ${reason}${lastRecord ? ` Last record: ${placeOf(lastRecord)}.` : ""}`,
    ),
    ...(more > 0n ? [`  … and ${more} more`] : []),
    ...late.map(({ deliveryId, reason }) => `  late ${deliveryId}: ${reason}`),
  ]
}

const wordOf = (kind: FindingKind): string =>
  (FindingKindSchema.value[kind]?.name.slice(FindingKindSchema.sharedPrefix?.length ?? 0) ?? "").toLowerCase()

function placeOf({ topic, partition, offset, appendedAt }: LogPosition): string {
  const at = `${topic}/${partition}/${offset}`
  return appendedAt ? `${at} of ${timestampDate(appendedAt).toISOString()}` : at
}
