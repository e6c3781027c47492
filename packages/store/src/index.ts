export * from "./status-store.ts"
export * from "./status-shadow.ts"
export * from "./conservation.ts"
