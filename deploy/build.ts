/**
 * Makes `build/`: this workspace again, with JavaScript for TypeScript, without tests. `pnpm install --prod` works there, and
 * `node services/start.js <role>` runs it. Needed because Node does not strip types below `node_modules`, where an image may put packages.
 */
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

const ROOT = join(import.meta.dirname, "..")
const BUILD = join(ROOT, "build")
/** Left out: what tests alone use, and what the compiler has its own output for. */
const NOT_AN_ASSET = /\.ts$|\.md$|(?:^|\/)(?:node_modules|tsconfig\.json|package\.json)(?:\/|$)|^packages\/testkit\//

function main(): void {
  rmSync(BUILD, { recursive: true, force: true })
  const compiled = spawnSync(join(ROOT, "node_modules/.bin/tsc"), ["-p", join(ROOT, "deploy/tsconfig.build.json")], { stdio: "inherit" })
  if (compiled.status !== 0) process.exit(1)
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json", "LICENSE"]) {
    if (existsSync(join(ROOT, file))) cpSync(join(ROOT, file), join(BUILD, file))
  }
  copyAssets()
  // Every manifest, those of test packages too: the lockfile is for all of them.
  for (const manifest of globSync(["packages/*/package.json", "services/*/package.json", "test/package.json"], { cwd: ROOT }))
    writeManifest(manifest)
}

/** SQL, pages, schemas: whatever lies beside the code and is read at run time. */
function copyAssets(): void {
  for (const entry of globSync(["packages/*/**", "services/**"], {
    cwd: ROOT,
    withFileTypes: true,
    exclude: ({ name }) => name === "node_modules",
  })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name).slice(ROOT.length + 1)
    if (!NOT_AN_ASSET.test(file)) copy(file)
  }
}

function copy(file: string): void {
  mkdirSync(dirname(join(BUILD, file)), { recursive: true })
  cpSync(join(ROOT, file), join(BUILD, file))
}

/** A manifest whose exports name what was built; an export of something that is not built is left out. */
function writeManifest(file: string): void {
  const manifest = JSON.parse(readFileSync(join(ROOT, file), "utf8")) as { exports?: Record<string, string> }
  const built = Object.entries(manifest.exports ?? {})
    .map(([name, target]) => [name, target.replace(/\.ts$/, ".js")] as const)
    .filter(([, target]) => existsSync(join(BUILD, dirname(file), target)))
  if (manifest.exports !== undefined) manifest.exports = Object.fromEntries(built)
  mkdirSync(dirname(join(BUILD, file)), { recursive: true })
  writeFileSync(join(BUILD, file), `${JSON.stringify(manifest, null, 2)}\n`)
}

main()
