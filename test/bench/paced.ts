import { SENT_AT } from "./load.ts"

/** Lanes that measure how long one event takes send at a rate far below what saturates anything, and go on sending through a stall of seconds. */
export const PACE = { perSecond: 100, connections: 256 } as const

/** An event that says when it was sent. */
export const pacedBody = (type: string): string => `{"type":"${type}","data":{"sentAt":${SENT_AT},"text":"${"x".repeat(560)}"}}`
