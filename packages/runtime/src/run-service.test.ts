import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { afterEach, expect, test } from "vitest"

const RUN_SERVICE = JSON.stringify(new URL("./run-service.ts", import.meta.url).href)
const PARSERS = JSON.stringify(new URL("./env-parsers.ts", import.meta.url).href)

/** A service whose one part keeps the process alive; `stop` and `ready` are code. */
const program = ({ ready = "", stop = "" }) => `
  import { runService } from ${RUN_SERVICE}
  import { port } from ${PARSERS}
  await runService({
    name: "sample",
    about: "A sample.",
    variables: { port: { name: "SAMPLE_PORT", meaning: "where", parser: port, default: "1" } },
    check: (config) => (config.port === 2 ? [{ variable: "SAMPLE_PORT", problem: "must not be 2" }] : []),
    stopMs: 200,
    start: async (config, lifecycle) => {
      await lifecycle.start({
        name: "part",
        start: () => setInterval(() => {}, 1000),
        stop: async (timer) => { console.log("stopping"); ${stop}; clearInterval(timer) },
      })
      ${ready}
      console.log("ready " + config.port)
    },
  })`

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
})

function run(code: string, options: { args?: string[]; env?: Record<string, string> } = {}) {
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", code, "--", ...(options.args ?? [])], {
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  children.push(child)
  let output = ""
  const heard = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString()
      for (const listener of heard) listener()
    })
  }
  const saying = (words: string) =>
    new Promise<void>((resolve) => {
      const look = () => output.includes(words) && resolve()
      heard.add(look)
      look()
    })
  const end = once(child, "close").then(([exitCode, signal]) => ({ code: exitCode ?? signal, output }))
  return { child, saying, end }
}

test("a signal stops the parts and ends the process with 0", async () => {
  const { child, saying, end } = run(program({}))
  await saying("ready 1")
  child.kill("SIGTERM")
  expect(await end).toEqual({ code: 0, output: "ready 1\nstopping\n" })
})

test("a stop that takes too long ends with 1 and names the part", async () => {
  const { child, saying, end } = run(program({ stop: "await new Promise(() => {})" }))
  await saying("ready")
  child.kill("SIGINT")
  const { code, output } = await end
  expect(code).toBe(1)
  expect(output).toContain("part did not stop")
})

test("a second signal ends the process at once", async () => {
  const { child, saying, end } = run(
    program({ stop: "while (true) await new Promise((next) => setTimeout(next, 10))" }).replace("200", "60_000"),
  )
  await saying("ready")
  child.kill("SIGTERM")
  await saying("stopping")
  child.kill("SIGINT")
  expect((await end).code).toBe(130)
})

test("a start that fails stops what was started, says why, and ends with 1", async () => {
  const { code, output } = await run(program({ ready: 'throw new Error("no store", { cause: new Error("refused") })' })).end
  expect(code).toBe(1)
  expect(output).toContain("Error: no store ← Error: refused")
  expect(output).toContain("stopping")
})

test("a part that cannot go on ends the service with 1", async () => {
  const { code, output } = await run(program({ ready: 'lifecycle.fail(new Error("lost"))' })).end
  expect(code).toBe(1)
  expect(output).toContain("cannot go on: Error: lost")
})

test("a wrong configuration ends with 2 before anything starts", async () => {
  const malformed = await run(program({}), { env: { SAMPLE_PORT: "x" } }).end
  const inconsistent = await run(program({}), { env: { SAMPLE_PORT: "2" } }).end
  expect([malformed.code, inconsistent.code]).toEqual([2, 2])
  expect(malformed.output).toContain("SAMPLE_PORT must be a port")
  expect(inconsistent.output).toContain("SAMPLE_PORT must not be 2")
  expect(malformed.output).not.toContain("ready")
})

test("--help prints the table and ends with 0, whatever the environment", async () => {
  const { code, output } = await run(program({}), { args: ["--help"], env: { SAMPLE_PORT: "x" } }).end
  expect(code).toBe(0)
  expect(output).toContain("SAMPLE_PORT")
})
