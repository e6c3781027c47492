import { RETENTION_CLASSES_HOURS } from "../limits.ts"

/** The class that keeps events at least as long as an application asks; 0 = as long as the installation keeps what has no time of its own. */
export function retentionClassOf(hours: number): number {
  if (hours <= 0) return 0
  return RETENTION_CLASSES_HOURS.find((each) => each >= hours) ?? RETENTION_CLASSES_HOURS.at(-1) ?? 0
}
