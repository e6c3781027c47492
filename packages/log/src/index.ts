export * from "./codec.ts"
export * from "./config-follower.ts"
export * from "./event-log.ts"
export * from "./keep-config-snapshots.ts"
