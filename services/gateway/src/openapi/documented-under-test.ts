/** Holds answers of a gateway against what its own description says of them. */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js"
import { fullFormats } from "ajv-formats/dist/formats.js"
import { type OpenApi, openApiDocument } from "./document.ts"

export interface GivenAnswer {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly status: number
  readonly contentType: string | null
  readonly body: unknown
}

interface Described {
  readonly pattern: RegExp
  readonly path: string
  readonly methods: OpenApi["paths"][string]
}

/** Statuses by which HTTP itself, or a fault, ends any request. */
const UNDESCRIBED = new Set([405, 408, 431, 500, 501, 504])

let description: { readonly ajv: Ajv2020; readonly described: readonly Described[] } | undefined

/**
 * Throws when an answer of the API, or of a page, is not what the description says: its body, and its status. Of one whose content a test `made` up, only
 * the API's bodies are judged. Other protocols and dialects are not described.
 */
export function assertDocumented(answer: GivenAnswer, content: "real" | "made"): void {
  const { ajv, described } = (description ??= describe())
  const found = described.find(({ pattern }) => pattern.test(answer.path))
  const isApi = answer.path.startsWith("/v1/")
  if (isApi && found === undefined && answer.status !== 404) throw mismatch(answer, "the path is not described")
  if (!isApi && (content === "made" || found === undefined)) return
  const operation = found?.methods[answer.method.toLowerCase()]
  const listed = operation?.["responses"] as Record<string, object> | undefined
  if (isApi && answer.status >= 400 && answer.contentType === "application/json")
    judge(answer, ajv.getSchema("openapi#/components/schemas/Error"))
  if (found === undefined || operation === undefined || UNDESCRIBED.has(answer.status)) return
  const response = listed?.[answer.status]
  if (response === undefined) {
    if (content === "real" || answer.status < 400) throw mismatch(answer, `the status is none of ${Object.keys(listed ?? {}).join(", ")}`)
    return
  }
  if ("$ref" in response) return
  const at = ["paths", found.path, answer.method.toLowerCase(), "responses", `${answer.status}`, "content", "application/json", "schema"]
  if (answer.contentType === "application/json" && !("*/*" in contentOf(response)))
    judge(
      answer,
      ajv.getSchema(`openapi#/${at.map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/")}`),
    )
}

function describe(): NonNullable<typeof description> {
  const document = openApiDocument()
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false, formats: fullFormats })
  ajv.addSchema(document, "openapi")
  const described = Object.entries(document.paths).map(([path, methods]) => ({ pattern: patternOf(path), path, methods }))
  // `…/{id}:verb` before `…/{id}`, which would take it as well.
  return { ajv, described: described.toSorted((one, other) => other.path.length - one.path.length) }
}

const patternOf = (path: string): RegExp =>
  new RegExp(
    `^${path
      .split(/\{\w+\}/)
      .map((literal) => literal.replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`))
      .join("[^/]+")}$`,
  )

const contentOf = (response: object): object => ("content" in response ? (response.content as object) : {})

function judge(answer: GivenAnswer, validate: ValidateFunction | undefined): void {
  if (validate === undefined) throw mismatch(answer, "the description has no schema for it")
  if (!validate(answer.body)) throw mismatch(answer, JSON.stringify(validate.errors))
}

const mismatch = ({ method, path, status, body }: GivenAnswer, why: string): Error =>
  new Error(`${method} ${path} → ${status} is not as described: ${why}\n${JSON.stringify(body)?.slice(0, 2000)}`)
