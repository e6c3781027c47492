import { execFileSync, spawnSync } from "node:child_process"
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { parse, parseAllDocuments } from "yaml"
import { findTool } from "../../deploy/tools.ts"
import { variables as delivery } from "../../services/delivery/src/config.ts"
import { variables as gateway } from "../../services/gateway/src/config.ts"
import { variables as projector } from "../../services/projector/src/config.ts"

const ROOT = join(import.meta.dirname, "../..")
const CHART = join(ROOT, "deploy/helm/posthorn")
const ROLES = ["gateway", "delivery", "projector"] as const
type Role = (typeof ROLES)[number]

interface Variable {
  readonly name: string
  readonly required?: boolean
}
const TABLES: Readonly<Record<Role, readonly Variable[]>> = {
  gateway: Object.values(gateway),
  delivery: Object.values(delivery),
  projector: Object.values(projector),
}
const namesOf = (role: Role): Set<string> => new Set(TABLES[role].map(({ name }) => name))
const requiredOf = (role: Role): string[] => TABLES[role].filter(({ required }) => required).map(({ name }) => name)

describe("the compose file", () => {
  interface Service {
    readonly environment?: Readonly<Record<string, unknown>>
    readonly command?: readonly string[]
    readonly healthcheck?: { readonly test?: readonly string[] }
    readonly deploy?: { readonly resources?: { readonly limits?: { readonly cpus?: string; readonly memory?: string } } }
    readonly read_only?: boolean
  }
  const text = readFileSync(join(ROOT, "deploy/compose/compose.yaml"), "utf8")
  const { services } = parse(text, { merge: true }) as { services: Readonly<Record<string, Service>> }

  it.each(ROLES)("gives %s the variables that it reads, all that it requires, and no others", (role) => {
    const given = Object.keys(services[role]?.environment ?? {})
    expect(services[role]?.command).toEqual([role])
    expect(given.filter((name) => !namesOf(role).has(name))).toEqual([])
    expect(requiredOf(role).filter((name) => !given.includes(name))).toEqual([])
  })

  it("limits every container, and the API and the workers to 512 MB and one core", () => {
    for (const [name, service] of Object.entries(services)) {
      expect(service.deploy?.resources?.limits, name).toMatchObject({ cpus: expect.any(String), memory: expect.any(String) })
      expect(service.healthcheck?.test?.length, name).toBeGreaterThan(0)
    }
    for (const role of ROLES) expect(services[role]?.deploy?.resources?.limits).toEqual({ cpus: "1", memory: "512M" })
    for (const role of ROLES) expect(services[role]?.read_only).toBe(true)
  })

  it("has no secret in it and none by default", () => {
    for (const [name, service] of Object.entries(services)) {
      for (const [variable, value] of Object.entries(service.environment ?? {})) {
        if (/PASSWORD|KEY|URL/.test(variable)) expect(value, `${name} ${variable}`).toMatch(/\$\{[A-Z_]+:\?/)
      }
    }
  })
})

describe("the image", () => {
  const lines = readFileSync(join(ROOT, "deploy/docker/Dockerfile"), "utf8").split("\n")
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith("FROM ")))

  it("runs the service itself as PID 1, not as root, from built files alone", () => {
    expect(last).toContain("USER 1000:1000")
    expect(last).toContain('ENTRYPOINT ["node", "services/start.js"]')
    expect(last.filter((line) => line.startsWith("COPY "))).toEqual(["COPY --from=build /src/build /opt/posthorn"])
  })

  it("keeps secrets and local state out of the build", () => {
    const ignored = readFileSync(join(ROOT, "deploy/docker/Dockerfile.dockerignore"), "utf8").split("\n")
    expect(ignored).toEqual(expect.arrayContaining(["**/.env", "**/.posthorn", "**/node_modules", ".git"]))
  })
})

describe("the build", () => {
  it("holds every role, every export that it names, and what is read beside the code, but no test", () => {
    execFileSync(process.execPath, [join(ROOT, "deploy/build.ts")], { stdio: "pipe" })
    const files = new Set(
      globSync("{packages,services}/**", { cwd: join(ROOT, "build"), exclude: (name) => name.includes("node_modules") }),
    )
    for (const role of ["standalone", ...ROLES]) expect(files).toContain(`services/${role}/src/main.js`)
    for (const manifest of [...files].filter((file) => file.endsWith("package.json"))) {
      const { exports } = JSON.parse(readFileSync(join(ROOT, "build", manifest), "utf8")) as { exports?: Readonly<Record<string, string>> }
      for (const target of Object.values(exports ?? {})) expect(files).toContain(join(dirname(manifest), target))
    }
    const statements = globSync("{packages,services}/*/src/**/*.sql", { cwd: ROOT })
    expect(statements.length).toBeGreaterThan(5)
    for (const statement of statements) expect(files).toContain(statement)
    expect([...files].filter((file) => /\.ts$|\.test\.js$|conformance/.test(file))).toEqual([])
  })
})

const helm = findTool("helm")
const validate = findTool("kubernetes-validate")

describe("the chart", () => {
  if (helm === undefined || validate === undefined) {
    it("is accepted by helm and Kubernetes' schemas", ({ skip }) =>
      skip("helm or kubernetes-validate is missing: `node deploy/tools.ts` builds them"))
    return
  }
  const folder = mkdtempSync(join(tmpdir(), "posthorn-chart-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const secret = {
    adminKey: "k".repeat(32),
    encryptionKeys: `k1:${Buffer.alloc(32).toString("base64")}`,
    postgresUrl: "postgres://user:pa55word@postgres/posthorn",
    clickhouseUrl: "https://user:pa55word@clickhouse:8443",
    kafkaSaslUsername: "user",
    kafkaSaslPassword: "pa55word",
  }
  const plain = { secret, kafka: { brokers: ["kafka-0:9092", "kafka-1:9092"] } }
  const full = {
    ...plain,
    kafka: { ...plain.kafka, ssl: true, saslMechanism: "scram-sha-512" },
    config: { corsOrigins: ["https://app.example.com"], allowPrivateNetworks: ["10.1.0.0/16"], dnsServers: ["10.0.0.2:53"] },
    networkPolicy: { enabled: true, metricsFrom: [{ namespaceSelector: {} }], egress: [{ to: [{ ipBlock: { cidr: "0.0.0.0/0" } }] }] },
    podAnnotations: { "example.com/team": "hooks" },
    nodeSelector: { disk: "fast" },
    tolerations: [{ operator: "Exists" }],
    imagePullSecrets: [{ name: "registry" }],
  }
  const existing = { kafka: plain.kafka, existingSecret: "made-elsewhere" }

  const run = (command: "lint" | "template", values: unknown) => {
    const file = join(folder, "values.json")
    writeFileSync(file, JSON.stringify(values))
    const words = command === "lint" ? ["lint", "--strict", CHART] : ["template", "release", CHART]
    return spawnSync(helm, [...words, "-f", file], { encoding: "utf8" })
  }
  interface Manifest {
    readonly kind: string
    readonly metadata: { readonly name: string }
    readonly data?: Readonly<Record<string, string>>
    readonly stringData?: Readonly<Record<string, string>>
    // Manifests have no types here: paths into them are checked by the expectations.
    readonly spec: { readonly template: { readonly spec: PodSpec } }
  }
  interface PodSpec {
    readonly securityContext: unknown
    readonly automountServiceAccountToken: boolean
    readonly terminationGracePeriodSeconds: number
    readonly containers: readonly {
      readonly args: readonly string[]
      readonly securityContext: unknown
      readonly env: readonly EnvEntry[]
    }[]
  }
  interface EnvEntry {
    readonly name: string
    readonly valueFrom: { readonly secretKeyRef: { readonly name: string; readonly key: string } }
  }
  const render = (values: unknown): Manifest[] => {
    const { stdout, stderr, status } = run("template", values)
    expect(stderr + status).toBe("0")
    return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest)
  }
  const containerOf = (manifests: readonly Manifest[], role: Role) => {
    const found = manifests.find(({ kind, metadata }) => kind === "Deployment" && metadata.name.endsWith(`-${role}`))
    return found?.spec.template.spec.containers[0]
  }

  it.each(Object.entries({ plain, full, existing }))(
    "with %s values it passes helm's strict lint and the schemas of old and new Kubernetes",
    (name, values) => {
      expect(run("lint", values)).toMatchObject({ status: 0 })
      const file = join(folder, `${name}.yaml`)
      writeFileSync(file, run("template", values).stdout)
      for (const version of ["1.29", "1.37"]) execFileSync(validate, ["--strict", "-k", version, file], { stdio: "pipe" })
    },
  )

  it("refuses to render without brokers or secrets, and values that it does not know", () => {
    const refused = [
      [{ ...plain, kafka: {} }, "kafka.brokers is required"],
      ...Object.keys(secret).map((key) => [{ ...full, secret: { ...secret, [key]: "" } }, `secret.${key}`] as const),
      [{ ...plain, gatway: {} }, "gatway"],
      [{ ...plain, gateway: { replicas: "two" } }, "replicas"],
      [{ ...plain, secret: { ...secret, adminKey: "short" } }, "adminKey"],
    ] as const
    for (const [values, reason] of refused) {
      const { status, stderr } = run("template", values)
      expect(status, reason).not.toBe(0)
      expect(stderr).toContain(reason)
    }
  })

  it.each(ROLES)("gives %s all that it requires, only its own secrets, and only variables that exist", (role) => {
    const manifests = render(full)
    const settings = Object.keys(manifests.find(({ kind }) => kind === "ConfigMap")?.data ?? {})
    const secrets = containerOf(manifests, role)?.env.map(({ name }) => name) ?? []
    expect(requiredOf(role).filter((name) => !settings.includes(name) && !secrets.includes(name))).toEqual([])
    expect(secrets.filter((name) => !namesOf(role).has(name))).toEqual([])
    expect(settings.filter((name) => !ROLES.some((some) => namesOf(some).has(name)))).toEqual([])
    expect(containerOf(manifests, role)?.args).toEqual([role])
  })

  it("keeps secrets in the Secret, or in the one that is there already", () => {
    const made = render(full)
    const others = made.filter(({ kind }) => kind !== "Secret")
    expect(JSON.stringify(others)).not.toContain("pa55word")
    const manifests = render(existing)
    expect(manifests.some(({ kind }) => kind === "Secret")).toBe(false)
    const references = ROLES.flatMap((role) => containerOf(manifests, role)?.env ?? [])
    expect(new Set(references.map(({ valueFrom }) => valueFrom.secretKeyRef.name))).toEqual(new Set(["made-elsewhere"]))
    const keys = new Set(ROLES.flatMap((role) => containerOf(made, role)?.env ?? []).map(({ valueFrom }) => valueFrom.secretKeyRef.key))
    expect(keys).toEqual(new Set(Object.keys(made.find(({ kind }) => kind === "Secret")?.stringData ?? {})))
  })

  it("makes pods that a restricted namespace admits and that have time to finish", () => {
    for (const { kind, spec } of render(plain)) {
      if (kind !== "Deployment") continue
      const pod = spec.template.spec
      expect(pod).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      })
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(30)
      expect(pod.containers[0]?.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      })
    }
  })
})
