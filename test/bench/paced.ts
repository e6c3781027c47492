import { SENT_AT, type LoadResult } from "./load.ts"

/** Lanes that measure how long one event takes send at a rate far below what saturates anything, and go on sending through a stall of seconds. */
export const PACE = { perSecond: 100, connections: 256 } as const

/** An event that says when it was sent. The application is named for a sender that has more than one. */
export function pacedBody(type: string, applicationId?: string): string {
  const application = applicationId === undefined ? "" : `"applicationId":"${applicationId}",`
  return `{${application}"type":"${type}","data":{"sentAt":${SENT_AT},"text":"${"x".repeat(560)}"}}`
}

/** An open loop that sent less than its rate, or was refused, has not measured what it says. */
export function assertSent({ wrong, unsent }: LoadResult): void {
  if (wrong + unsent > 0) throw new Error(`${wrong} answers were not 202, ${unsent} events were not sent`)
}
