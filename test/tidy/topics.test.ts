import { createRegistry } from "@bufbuild/protobuf"
import { RETRY_TIERS, TOPIC_FACTS, TOPICS } from "@posthorn/core"
import * as proto from "@posthorn/proto"
import { expect, test } from "vitest"
import { filesOf, firstCells, read } from "./repository.ts"

const files = Object.values(proto).filter((value): value is typeof proto.file_posthorn_log_v1_delivery_due => isFile(value))
const registry = createRegistry(...files)

function isFile(value: unknown): boolean {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "file"
}

test("every topic holds a record of posthorn.log.v1, and every file of the package is held by a topic or part of one that is", () => {
  const records = new Set(TOPICS.map((topic) => TOPIC_FACTS[topic].record))
  for (const record of records) expect(registry.getMessage(`posthorn.log.v1.${record}`), record).toBeDefined()
  const names = filesOf("proto/posthorn/log/v1/*.proto")
  const contracts = names.map((file) => read(file))
  const holds = (contract: string): boolean => [...records].some((record) => contract.includes(`message ${record} {`))
  const isImported = (name: string): boolean => contracts.some((contract) => contract.includes(`import "${name.slice("proto/".length)}";`))
  expect([...records].filter((record) => !contracts.some((contract) => contract.includes(`message ${record} {`)))).toEqual([])
  expect(names.filter((name, index) => !holds(contracts[index] ?? "") && !isImported(name))).toEqual([])
})

test("retry tiers are in the order of their delays, and no topic is forgotten before its longest tier has passed", () => {
  const seconds = { s: 1, m: 60, h: 3600 }
  const delays = RETRY_TIERS.map((tier) => {
    const [, amount, unit] = /^retry\.(\d+)([smh])$/.exec(tier) ?? []
    return Number(amount) * seconds[unit as keyof typeof seconds]
  })
  expect(delays).toEqual(delays.toSorted((a, b) => a - b))
  for (const topic of TOPICS) expect(TOPIC_FACTS[topic].retentionMs ?? Number.POSITIVE_INFINITY).toBeGreaterThan(1000 * Math.max(...delays))
})

test("docs/reference/topics.md has every topic and no other", () => {
  expect(firstCells(read("docs/reference/topics.md")).toSorted()).toEqual([...TOPICS].toSorted())
})
