export const KIB = 1024
export const MIB = 1024 * KIB
export const SECOND_MS = 1000
export const HOUR_MS = 3600 * SECOND_MS
