import { readEnv, type Environment } from "@posthorn/runtime"
import { describe, expect, test } from "vitest"
import { checkDialect, dialectVariables, rootDialectOf } from "./dialect-variables.ts"

const APPLICATION = "app_01hzx3v9k2m4n6p8q0r2s4t6v8"

function problemsOf(env: Environment, host = "127.0.0.1"): readonly string[] {
  const reading = readEnv(dialectVariables, env)
  const problems = reading.kind === "problems" ? reading.problems : checkDialect({ ...reading.config, host })
  return problems.map(({ variable }) => variable)
}

describe("the variables of the dialect", () => {
  test("may all be absent, and a dialect with keys needs no more than its name", () => {
    expect(problemsOf({})).toEqual([])
    expect(problemsOf({ POSTHORN_DIALECT: "rest" }, "0.0.0.0")).toEqual([])
  })

  test("take the names of dialects, ids of applications and networks only, every fault told at once", () => {
    const env = {
      POSTHORN_DIALECT: "soap",
      POSTHORN_DIALECT_APPLICATION: "shop",
      POSTHORN_DIALECT_AUTH: "maybe",
      POSTHORN_DIALECT_TRUSTED_NETWORKS: "here",
    }
    expect(problemsOf(env)).toEqual(Object.keys(env))
  })

  test("mean nothing without the dialect", () => {
    expect(problemsOf({ POSTHORN_DIALECT_APPLICATION: APPLICATION })).toEqual(["POSTHORN_DIALECT"])
  })

  test("let nobody in without a key unless an application is named, and networks where others than this machine can call", () => {
    const keyless = { POSTHORN_DIALECT: "classic", POSTHORN_DIALECT_AUTH: "none" }
    const named = { ...keyless, POSTHORN_DIALECT_APPLICATION: APPLICATION }
    expect(problemsOf(keyless)).toEqual(["POSTHORN_DIALECT_APPLICATION"])
    expect(problemsOf(keyless, "0.0.0.0")).toEqual(["POSTHORN_DIALECT_APPLICATION", "POSTHORN_DIALECT_TRUSTED_NETWORKS"])
    for (const host of ["127.0.0.1", "::1", "localhost"]) expect(problemsOf(named, host), host).toEqual([])
    for (const host of ["0.0.0.0", "::", "10.1.2.3", "posthorn.example.com", "127.example.com"])
      expect(problemsOf(named, host), host).toEqual(["POSTHORN_DIALECT_TRUSTED_NETWORKS"])
    expect(problemsOf({ ...named, POSTHORN_DIALECT_TRUSTED_NETWORKS: "10.0.0.0/8" }, "0.0.0.0")).toEqual([])
  })

  test("name networks for nothing while keys are asked for", () => {
    expect(problemsOf({ POSTHORN_DIALECT: "hub", POSTHORN_DIALECT_TRUSTED_NETWORKS: "loopback" })).toEqual([
      "POSTHORN_DIALECT_TRUSTED_NETWORKS",
    ])
  })

  test("trust this machine, or the networks that are named", () => {
    const rootOf = (more: Environment) => {
      const reading = readEnv(dialectVariables, { POSTHORN_DIALECT: "rest", POSTHORN_DIALECT_APPLICATION: APPLICATION, ...more })
      return reading.kind === "config" ? rootDialectOf(reading.config) : undefined
    }
    expect(rootOf({})).toEqual({ name: "rest", applicationId: APPLICATION, keylessFrom: undefined })
    const own = rootOf({ POSTHORN_DIALECT_AUTH: "none" })?.keylessFrom
    expect([own?.check("127.0.0.1"), own?.check("10.1.2.3")]).toEqual([true, false])
    const named = rootOf({ POSTHORN_DIALECT_AUTH: "none", POSTHORN_DIALECT_TRUSTED_NETWORKS: "10.0.0.0/8" })?.keylessFrom
    expect([named?.check("127.0.0.1"), named?.check("10.1.2.3")]).toEqual([false, true])
  })
})
