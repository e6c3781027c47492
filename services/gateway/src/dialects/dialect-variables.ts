import { isId } from "@posthorn/core"
import { isIn, networksOf } from "@posthorn/outbound"
import { parsers, type EnvConfig, type EnvProblem, type EnvTable, type Parser } from "@posthorn/runtime"
import { dialects } from "./dialects.ts"
import type { RootDialect } from "./root-dialect.ts"

const application: Parser<string> = {
  expects: "the id of an application (app_…)",
  parse: (given) => (isId("application", given) ? given : undefined),
}

/** The environment of the dialect at the root. */
export const dialectVariables = {
  dialect: {
    name: "POSTHORN_DIALECT",
    meaning: "dialect that is served at the root as well",
    unset: "none",
    parser: parsers.oneOf(dialects.map(({ name }) => name)),
  },
  dialectApplication: {
    name: "POSTHORN_DIALECT_APPLICATION",
    meaning: "application that the dialect at the root is for",
    unset: "the one of the caller's key",
    parser: application,
  },
  dialectAuth: {
    name: "POSTHORN_DIALECT_AUTH",
    default: "key",
    meaning: "whether the dialect at the root asks for a key; with none, whoever reaches it manages its application",
    parser: parsers.oneOf(["key", "none"]),
  },
  dialectTrustedNetworks: {
    name: "POSTHORN_DIALECT_TRUSTED_NETWORKS",
    meaning: "networks whose callers need no key with POSTHORN_DIALECT_AUTH=none",
    unset: "loopback while the host is a loopback address",
    parser: parsers.list(parsers.network),
  },
} as const satisfies EnvTable

type DialectConfig = EnvConfig<typeof dialectVariables> & { readonly host: string }

const LOOPBACK = networksOf(["loopback"])
const isLoopback = (host: string): boolean => host === "localhost" || isIn(LOOPBACK, host)

/** Faults of the dialect's variables that show only when they are seen together. */
export function checkDialect(config: DialectConfig): readonly EnvProblem[] {
  const { dialect, dialectApplication, dialectAuth, dialectTrustedNetworks, host } = config
  const networks = dialectVariables.dialectTrustedNetworks.name
  const keyless = dialectAuth === "none"
  const faults: readonly (readonly [variable: string, isFault: boolean, problem: string])[] = [
    [
      dialectVariables.dialect.name,
      dialect === undefined && (dialectApplication !== undefined || keyless || dialectTrustedNetworks !== undefined),
      "is not set, which the other variables of the dialect need",
    ],
    [
      dialectVariables.dialectApplication.name,
      keyless && dialectApplication === undefined,
      `is not set; without keys it must be ${application.expects}`,
    ],
    [
      networks,
      keyless && dialectTrustedNetworks === undefined && !isLoopback(host),
      "is not set; without keys, and bound to more than loopback, it must name the networks that are trusted",
    ],
    [networks, !keyless && dialectTrustedNetworks !== undefined, "must not be set unless POSTHORN_DIALECT_AUTH is none"],
  ]
  return faults.filter(([, isFault]) => isFault).map(([variable, , problem]) => ({ variable, problem }))
}

/** The dialect at the root, as a configuration without faults says. */
export function rootDialectOf(config: EnvConfig<typeof dialectVariables>): RootDialect | undefined {
  const { dialect: name, dialectApplication: applicationId, dialectAuth, dialectTrustedNetworks } = config
  if (name === undefined) return undefined
  return { name, applicationId, keylessFrom: dialectAuth === "none" ? networksOf(dialectTrustedNetworks ?? ["loopback"]) : undefined }
}
