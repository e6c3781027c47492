export * from "./status-store.ts"
