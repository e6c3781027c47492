import { describe, expect, expectTypeOf, test } from "vitest"
import { type EnvTable, helpText, readEnv } from "./env.ts"
import {
  addressMaybePort,
  boolean,
  duration,
  hostPort,
  integer,
  jsonOrCommaList,
  list,
  matching,
  network,
  oneOf,
  port,
  text,
  url,
} from "./env-parsers.ts"

const table = {
  port: { name: "APP_PORT", meaning: "where to listen", parser: port, default: "8080" },
  key: { name: "APP_KEY", meaning: "the key", parser: matching(/[!-~]{32,256}/, "32 to 256 visible characters"), required: true },
  store: { name: "APP_STORE_URL", alias: "STORE_URL", meaning: "the store", parser: url("postgres", "postgresql"), unset: "embedded" },
  networks: { name: "APP_NETWORKS", meaning: "what may be reached", parser: list(network) },
} satisfies EnvTable

const KEY = "k".repeat(32)

describe("readEnv", () => {
  test("gives typed values, defaults, and undefined for what may be absent", () => {
    const reading = readEnv(table, { APP_KEY: KEY, UNRELATED: "x" })
    if (reading.kind !== "config") throw new Error("expected a configuration")
    expect(reading.config).toEqual({ port: 8080, key: KEY, store: undefined, networks: undefined })
    expectTypeOf(reading.config).toEqualTypeOf<{
      readonly port: number
      readonly key: string
      readonly store: string | undefined
      readonly networks: readonly string[] | undefined
    }>()
  })

  test("lists every problem at once, with the variable that was read and what is expected, never the value", () => {
    const reading = readEnv(table, { APP_PORT: "hunter2", STORE_URL: "mysql://root:hunter2@db/x", APP_NETWORKS: "10.0.0.0/33" })
    if (reading.kind !== "problems") throw new Error("expected problems")
    expect(reading.problems.map(({ variable }) => variable)).toEqual(["APP_PORT", "APP_KEY", "STORE_URL", "APP_NETWORKS"])
    expect(reading.problems[1]?.problem).toBe("is not set; it must be 32 to 256 visible characters")
    expect(JSON.stringify(reading.problems)).not.toContain("hunter2")
  })

  test("takes an empty variable as not set, except where empty is a value", () => {
    const reading = readEnv(table, { APP_PORT: "", APP_KEY: KEY, APP_STORE_URL: "", STORE_URL: "postgres://db/x", APP_NETWORKS: "" })
    expect(reading).toEqual({ kind: "config", config: { port: 8080, key: KEY, store: "postgres://db/x", networks: [] } })
  })

  test("refuses a table whose own default is not acceptable", () => {
    expect(() => readEnv({ port: { name: "P", meaning: "", parser: port, default: "http" } }, {})).toThrow("the default of P")
  })
})

test("helpText names every variable, its other name, and what holds without it", () => {
  const help = helpText(table).split("\n")
  expect(help[0]).toMatch(/^ {2}APP_PORT +8080 +where to listen/)
  expect(help[1]).toMatch(/APP_KEY +required/)
  expect(help[2]).toMatch(/APP_STORE_URL, or STORE_URL +embedded/)
})

describe("parsers", () => {
  test.each([
    ["port", "0", 0, port],
    ["port", "65536", undefined, port],
    ["port", "80.5", undefined, port],
    ["port", "0x50", undefined, port],
    ["port", " ", undefined, port],
    ["integer", "-5", -5, integer(-5, 5)],
    ["integer", "1e0", undefined, integer(1, 5)],
    ["boolean", "TRUE", true, boolean],
    ["boolean", "0", false, boolean],
    ["boolean", "yes", undefined, boolean],
    ["boolean", "constructor", undefined, boolean],
    ["duration", "90s", 90_000, duration],
    ["duration", "250ms", 250, duration],
    ["duration", "72", undefined, duration],
    ["duration", "-1s", undefined, duration],
    ["oneOf", "info", "info", oneOf(["info", "warn"])],
    ["oneOf", "toString", undefined, oneOf(["info", "warn"])],
    ["url", "http://127.0.0.1:8123", "http://127.0.0.1:8123", url("http", "https")],
    ["url", "127.0.0.1:8123", undefined, url("http")],
    ["url", "http://", undefined, url("http")],
    ["url", "postgres:///db", undefined, url("postgres")],
    ["addressMaybePort", "10.0.0.2", "10.0.0.2", addressMaybePort],
    ["addressMaybePort", "[fd00::2]:53", "[fd00::2]:53", addressMaybePort],
    ["addressMaybePort", "fd00::2", "fd00::2", addressMaybePort],
    ["addressMaybePort", "dns.example.com:53", undefined, addressMaybePort],
    ["addressMaybePort", "10.0.0.2:0", undefined, addressMaybePort],
    ["hostPort", "kafka-1.internal:9092", "kafka-1.internal:9092", hostPort],
    ["hostPort", "[::1]:9092", "[::1]:9092", hostPort],
    ["hostPort", "::1:9092", undefined, hostPort],
    ["hostPort", "kafka:0", undefined, hostPort],
    ["hostPort", "kafka:70000", undefined, hostPort],
    ["hostPort", "kafka", undefined, hostPort],
    ["network", "loopback", "loopback", network],
    ["network", "10.0.0.0/8", "10.0.0.0/8", network],
    ["network", "fd00::/129", undefined, network],
    ["network", "10.0.0.0", undefined, network],
    ["network", "10.0.0/8", undefined, network],
    ["matching", "ab", undefined, matching(/a|b/, "a or b")],
  ] as const)("%s reads %j as %j", (_name, given, expected, parser) => {
    expect(parser.parse(given)).toBe(expected)
  })

  test("lists are split at commas or read as JSON, trimmed, without repetitions; an empty item is a fault", () => {
    expect(list(hostPort).parse("a:1, b:2,a:1")).toEqual(["a:1", "b:2"])
    expect(list(text).parse("a,,b")).toBeUndefined()
    expect(jsonOrCommaList(text).parse('["https://a.example","https://b.example"]')).toEqual(["https://a.example", "https://b.example"])
    expect(jsonOrCommaList(text).parse("https://a.example")).toEqual(["https://a.example"])
    expect(jsonOrCommaList(text).parse('["a", 1]')).toBeUndefined()
    expect(jsonOrCommaList(text).parse('["a"')).toBeUndefined()
    expect(jsonOrCommaList(text).parse("[]")).toEqual([])
  })
})
