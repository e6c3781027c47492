import { relative } from "node:path"
import { recall, remember } from "./data-dir.ts"

interface TestRoute {
  readonly applicationId: string
  readonly subscriptionId: string
}

export interface WelcomeOptions {
  readonly dataDir: string
  readonly httpUrl: string
  readonly grpcAddress: string
  readonly adminKey: string
  /** Printed only when it was made just now. */
  readonly adminKeyFresh: boolean
  /** Whether the key is in the data folder at all, so that the curl can read it from there. */
  readonly adminKeyInFile: boolean
  /** Whether deliveries to this machine are allowed, which the test receiver needs. */
  readonly testReceiver: boolean
}

const FILE = "test-route.json"

/** What standalone prints once it is ready: where it listens, the key the first time, and a curl that works when pasted. */
export async function welcome(options: WelcomeOptions, workingDirectory: string): Promise<string> {
  const { httpUrl, grpcAddress, adminKey, adminKeyFresh, adminKeyInFile, dataDir } = options
  const lines = [
    "Posthorn is ready.",
    "",
    `  HTTP       ${httpUrl}    (REST, ingest, Connect; /docs, /health)`,
    `  gRPC       ${grpcAddress}`,
    `  data       ${dataDir}`,
    ...(adminKeyFresh ? [`  admin key  ${adminKey}    (shown this once; kept in the data folder)`] : []),
    "",
  ]
  if (!options.testReceiver) return lines.join("\n")
  const { applicationId } = await testRoute(options)
  const below = relative(workingDirectory, `${dataDir}/admin-key`)
  const keyFile = below.startsWith("..") ? `${dataDir}/admin-key` : below
  const key = adminKeyInFile ? `$(cat ${quoted(keyFile)})` : "$POSTHORN_ADMIN_KEY"
  return [
    ...lines,
    "Publish an event to the built-in test receiver:",
    "",
    `  curl ${httpUrl}/v1/events -H "Authorization: Bearer ${key}" -H "content-type: application/json" -d '{"applicationId":"${applicationId}","type":"test.ping","data":{"hello":"world"}}'`,
    "",
    "and see what became of it:",
    "",
    `  curl ${httpUrl}/v1/deliveries -H "Authorization: Bearer ${key}"`,
    "",
  ].join("\n")
}

const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`)

/** The application and subscription behind the curl, made through the API like any other. */
async function testRoute({ dataDir, httpUrl, adminKey }: WelcomeOptions): Promise<TestRoute> {
  const call = async (method: string, path: string, body: object): Promise<{ id: string } | undefined> => {
    const headers = { authorization: `Bearer ${adminKey}`, "content-type": "application/json" }
    const response = await fetch(httpUrl + path, { method, headers, body: JSON.stringify(body) })
    if (response.status === 404) return undefined
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`)
    return (await response.json()) as { id: string }
  }
  const url = `${httpUrl}/webhook`
  const known = await recall<TestRoute>(dataDir, FILE)
  // The port may be another one than last time.
  if (known && (await call("PATCH", `/v1/subscriptions/${known.subscriptionId}`, { url }))) return known
  const application = await call("POST", "/v1/applications", { name: "Test" })
  const subscription = await call("POST", `/v1/applications/${application?.id}/subscriptions`, {
    url,
    eventTypes: ["*"],
    secret: "generate",
    description: "The built-in test receiver",
  })
  if (application === undefined || subscription === undefined) throw new Error("the test application is gone while it is made")
  const route = { applicationId: application.id, subscriptionId: subscription.id }
  await remember(dataDir, FILE, route)
  return route
}
