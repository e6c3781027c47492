/** The baseline of `ingest-grpc`: answers what it is asked. Prints its port. */
import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from "@grpc/grpc-js"

const asIs = (bytes: Buffer): Buffer => bytes
const server = new Server()
server.addService(
  {
    Publish: {
      path: "/posthorn.v1.IngestService/Publish",
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  },
  { Publish: (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => callback(null, call.request) },
)
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error
  process.stdout.write(`${port}\n`)
})
process.once("disconnect", () => process.exit(0))
