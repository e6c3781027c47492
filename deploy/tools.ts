/** Builds what checks the chart into `~/.cache/posthorn`: helm, with Go, in about 8 minutes, and kubernetes-validate, with Python. */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync } from "node:fs"
import { homedir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const CACHE = join(homedir(), ".cache/posthorn")
const HELM = { module: "helm.sh/helm/v4@v4.3.1", file: join(CACHE, "helm/helm") }
const VALIDATE = { requirement: "kubernetes-validate==1.37.0", folder: join(CACHE, "kubernetes-validate") }

/** The tool's path: what `node deploy/tools.ts` built, or what PATH has; none where there is neither. */
export function findTool(name: "helm" | "kubernetes-validate"): string | undefined {
  const built = name === "helm" ? HELM.file : join(VALIDATE.folder, "bin/kubernetes-validate")
  const places = [built, ...(process.env["PATH"] ?? "").split(":").map((folder) => join(folder, name))]
  return places.find((place) => existsSync(place))
}

function buildHelm(): void {
  // `go install` asks for a module named like the command, which is not there; the module's own folder has all that its build needs.
  const { Dir } = JSON.parse(execFileSync("go", ["mod", "download", "-json", HELM.module], { encoding: "utf8" })) as { Dir: string }
  mkdirSync(dirname(HELM.file), { recursive: true })
  const env = { ...process.env, GOWORK: "off", GOFLAGS: "-p=1" }
  execFileSync("go", ["build", "-trimpath", "-ldflags=-s -w", "-o", HELM.file, "./cmd/helm"], { cwd: Dir, env, stdio: "inherit" })
}

function installValidate(): void {
  execFileSync("python3", ["-m", "venv", VALIDATE.folder], { stdio: "inherit" })
  execFileSync(join(VALIDATE.folder, "bin/pip"), ["install", "--quiet", VALIDATE.requirement], { stdio: "inherit" })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (findTool("helm") === undefined) buildHelm()
  if (findTool("kubernetes-validate") === undefined) installValidate()
  process.stdout.write(`helm: ${findTool("helm")}\nkubernetes-validate: ${findTool("kubernetes-validate")}\n`)
}
