export * from "./attempt-sender.ts"
