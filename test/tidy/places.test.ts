import { expect, test } from "vitest"
import { filesOf, read } from "./repository.ts"

const texts = filesOf("**/*.{ts,cjs,json,md,yaml,yml,xml,proto,sql,sh,tpl}", "**/Dockerfile", ".*", "pnpm-lock.yaml").filter(
  // Inputs of tests show hostile addresses of every kind.
  (file) => !file.startsWith("test/vectors/") && !file.endsWith(".test.ts"),
)

const matching = (pattern: RegExp): readonly string[] =>
  texts.flatMap((file) => [...read(file).matchAll(pattern)].map((match) => `${file}: ${match[0]}`))

test("no file names a path of the machine on which it was written", () => {
  expect(matching(/(?<![\w.$}/-])\/(?:home|Users|root|work|workspace)\/[\w.-]+|\b[A-Z]:\\Users\\/g)).toEqual([])
})

test("no file names a package registry other than the public one", () => {
  const urls = matching(/https?:\/\/[^\s"'`)/]*(?:registry|artifact|nexus|mirror|proxy)[^\s"'`)/]*/g)
  expect(urls.filter((url) => !url.endsWith("https://registry.npmjs.org"))).toEqual([])
})
