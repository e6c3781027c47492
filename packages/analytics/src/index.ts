export * from "./analytics-store.ts"
export * from "./analytics-rebuild.ts"
