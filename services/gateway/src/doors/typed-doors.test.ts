import { createClient, type Client, Code, ConnectError } from "@connectrpc/connect"
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node"
import { credentials, loadPackageDefinition, makeClientConstructor, Metadata, type ServiceError } from "@grpc/grpc-js"
import { create } from "@bufbuild/protobuf"
import { refuse } from "@posthorn/core"
import {
  BadRequestSchema,
  GetApplicationResponseSchema,
  IngestService,
  KeyService,
  ApplicationService,
  RequestInfoSchema,
  RetryInfoSchema,
  SubscriptionService,
} from "@posthorn/proto"
import { service as healthService } from "grpc-health-check"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { openTestDoors, type TestDoors } from "./doors-under-test.ts"

let doors: TestDoors
beforeAll(async () => {
  doors = await openTestDoors()
})
afterAll(() => doors.close())
beforeEach(() => {
  doors.answers.clear()
  doors.asked.length = 0
  doors.published.length = 0
})

const operator = { headers: { authorization: "Bearer operator" } }
const transports = {
  grpc: () => createGrpcTransport({ baseUrl: `http://${doors.grpcAddress}` }),
  "grpc-web": () => createGrpcWebTransport({ baseUrl: doors.url, httpVersion: "1.1" }),
  "connect, binary": () => createConnectTransport({ baseUrl: doors.url, httpVersion: "1.1", useBinaryFormat: true }),
  "connect, JSON": () => createConnectTransport({ baseUrl: doors.url, httpVersion: "1.1", useBinaryFormat: false }),
  "connect by GET": () => createConnectTransport({ baseUrl: doors.url, httpVersion: "1.1", useHttpGet: true }),
}

async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  const thrown: unknown = await call.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(thrown instanceof ConnectError)) throw new Error(`not a ConnectError: ${String(thrown)}`)
  return thrown
}

describe.each(Object.entries(transports))("%s", (name, transport) => {
  const door = name === "grpc" ? "grpc" : "connect"

  test("answers a call and its request id", async () => {
    doors.answers.set("GetApplication", () => create(GetApplicationResponseSchema, { application: { id: "app_1" } }))
    const ids: (string | null)[] = []
    const client = createClient(ApplicationService, transport())
    const read = (headers: Headers) => ids.push(headers.get("x-request-id"))
    const response = await client.getApplication(
      { applicationId: "app_1" },
      { headers: { authorization: "Bearer viewer", "x-request-id": "r-1" }, onHeader: read, onTrailer: read },
    )
    expect(response.application?.id).toBe("app_1")
    expect(ids).toContain("r-1")
    expect(doors.asked[0]?.call).toMatchObject({
      door,
      requestId: "r-1",
      remoteAddress: expect.stringContaining("127.0.0.1") as string,
      caller: { applicationId: "app_1" },
    })
  })

  test("refuses with the violations as google.rpc details", async () => {
    const error = await errorOf(
      createClient(SubscriptionService, transport()).createSubscription(
        { applicationId: "app_1", subscription: { url: "", method: "GET" } },
        operator,
      ),
    )
    expect(error.code).toBe(Code.InvalidArgument)
    expect(
      error
        .findDetails(BadRequestSchema)[0]
        ?.fieldViolations.map(({ field }) => field)
        .toSorted(),
    ).toEqual(["subscription.method", "subscription.url"])
    expect(error.findDetails(RequestInfoSchema)[0]?.requestId).toBe(error.metadata.get("x-request-id"))
  })

  test("answers a method that is missing as unimplemented, unlike a thing that is missing", async () => {
    const missing = { ...ApplicationService.method.deleteApplication, name: "MissApplication" }
    const call = transport().unary(missing, undefined, undefined, operator.headers, { applicationId: "app_1" })
    expect((await errorOf(call)).code).toBe(Code.Unimplemented)
  })

  test("knows roles", async () => {
    const call = (key: string) =>
      errorOf(
        createClient(KeyService, transport()).createKey(
          { applicationId: "app_1", key: { role: 4 } },
          { headers: { authorization: `Bearer ${key}` } },
        ),
      )
    expect((await call("nobody")).code).toBe(Code.Unauthenticated)
    expect((await call("viewer")).code).toBe(Code.PermissionDenied)
  })

  test("says how long to wait, and nothing of our faults", async () => {
    const client = createClient(ApplicationService, transport())
    doors.answers.set("GetApplication", () => refuse("resource_exhausted", "Slower.", { retryAfterSeconds: 9 }))
    const slower = await errorOf(client.getApplication({ applicationId: "app_1" }, operator))
    expect([slower.code, slower.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds]).toEqual([Code.ResourceExhausted, 9n])
    doors.answers.set("GetApplication", () => Promise.reject(new Error("hunter2")))
    const internal = await errorOf(client.getApplication({ applicationId: "app_1" }, operator))
    expect([internal.code, internal.message.includes("hunter2")]).toEqual([Code.Internal, false])
  })

  test("publishes bytes as they are, and JSON values as JSON", async () => {
    const client: Client<typeof IngestService> = createClient(IngestService, transport())
    const payload = Uint8Array.from([0, 255, 10])
    expect((await client.publish({ type: "a", content: { case: "payload", value: payload } }, operator)).id).toBe("evt_1")
    const batch = await client.publishBatch(
      { events: [{ type: "b", content: { case: "data", value: { kind: { case: "stringValue", value: "é" } } } }, { type: "refuse.me" }] },
      operator,
    )
    expect(batch.results.map(({ result }) => result.case)).toEqual(["accepted", "refused"])
    expect(doors.published.map((input) => Buffer.from(input.payload))).toEqual([
      Buffer.from(payload),
      Buffer.from('"é"'),
      Buffer.from("null"),
    ])
  })

  test("lets a handler see that its caller went away", async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const leave = new AbortController()
    doors.answers.set(
      "GetApplication",
      (_, { signal }) =>
        new Promise((answer) => {
          signal.addEventListener("abort", () => {
            answer(refuse("deadline_exceeded", "Gone."))
            resolve()
          })
          leave.abort()
        }),
    )
    await errorOf(
      createClient(ApplicationService, transport()).getApplication({ applicationId: "app_1" }, { ...operator, signal: leave.signal }),
    )
    await promise
  })
})

describe("the gRPC port", () => {
  test("refuses bytes that are not the request's message", async () => {
    const Raw = makeClientConstructor(
      {
        get: {
          path: "/posthorn.v1.ApplicationService/GetApplication",
          requestStream: false,
          responseStream: false,
          requestSerialize: (bytes: Buffer) => bytes,
          requestDeserialize: (bytes: Buffer) => bytes,
          responseSerialize: (bytes: Buffer) => bytes,
          responseDeserialize: (bytes: Buffer) => bytes,
        },
      },
      "Raw",
    )
    const client = new Raw(doors.grpcAddress, credentials.createInsecure())
    const metadata = new Metadata()
    metadata.set("authorization", "Bearer operator")
    const error = await new Promise<ServiceError>((resolve) => void client["get"]?.(Buffer.from([0x0a, 0xff]), metadata, resolve))
    client.close()
    expect(error.code).toBe(Code.InvalidArgument)
  })

  test("says that it serves, and on closing that it does not, to those who watch", async () => {
    await using own = await openTestDoors()
    const Health = makeClientConstructor(healthService, "Health")
    const client = new Health(own.grpcAddress, credentials.createInsecure())
    const seen: string[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    const watch = client["Watch"]?.({ service: "posthorn.v1.IngestService" }) as NodeJS.EventEmitter
    watch.on("error", () => resolve())
    watch.on("data", ({ status }: { status: string }) => {
      seen.push(status)
      if (status === "SERVING") void own.close()
    })
    await promise
    client.close()
    expect(seen).toEqual(["SERVING", "NOT_SERVING"])
  })

  test("lets calls under way finish when it closes", async () => {
    await using own = await openTestDoors()
    own.answers.set("GetApplication", async () => {
      void own.close()
      await new Promise((resolve) => setImmediate(resolve))
      return create(GetApplicationResponseSchema, { application: { id: "app_late" } })
    })
    const client = createClient(ApplicationService, createGrpcTransport({ baseUrl: `http://${own.grpcAddress}` }))
    expect((await client.getApplication({ applicationId: "app_1" }, operator)).application?.id).toBe("app_late")
  })
})

describe("reflection", () => {
  test.each(["v1", "v1alpha"])("%s tells the services, and each with everything that it imports", async (version) => {
    const ask = await reflectionClient(version)
    const listed = (await ask({ listServices: "" })).listServicesResponse.service.map(({ name }: { name: string }) => name)
    expect(listed).toEqual(
      expect.arrayContaining(["posthorn.v1.IngestService", "posthorn.v1.SubscriptionService", "grpc.health.v1.Health"]),
    )
    for (const fileByFilename of ["google/api/annotations.proto", "buf/validate/validate.proto", "google/protobuf/descriptor.proto"]) {
      expect((await ask({ fileByFilename })).fileDescriptorResponse.fileDescriptorProto.length).toBeGreaterThan(0)
    }
    expect(
      (await ask({ fileContainingSymbol: "posthorn.v1.KeyService" })).fileDescriptorResponse.fileDescriptorProto.length,
    ).toBeGreaterThan(0)
    expect((await ask({ fileContainingSymbol: "posthorn.log.v1.EventAccepted" })).errorResponse.errorCode).toBe(Code.NotFound)
  })
})

// oxlint-disable-next-line typescript/no-explicit-any -- its messages have no types here
async function reflectionClient(version: string): Promise<(request: object) => Promise<any>> {
  const { createRequire } = await import("node:module")
  const own = createRequire(createRequire(import.meta.url).resolve("@grpc/reflection"))
  const loader = own("@grpc/proto-loader") as { loadSync: (path: string, options: object) => never }
  const path = own.resolve("@grpc/reflection").replace(/build.*$/, `build/proto/grpc/reflection/${version}/reflection.proto`)
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  const loaded = loadPackageDefinition(loader.loadSync(path, { longs: String, enums: String, defaults: false, oneofs: true })) as any
  return async (request) => {
    const client = new loaded.grpc.reflection[version].ServerReflection(doors.grpcAddress, credentials.createInsecure())
    const stream = client.ServerReflectionInfo()
    const answer = new Promise((resolve, reject) => stream.on("data", resolve).on("error", reject))
    stream.write(request)
    stream.end()
    return answer.finally(() => client.close())
  }
}
