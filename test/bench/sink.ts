/** An endpoint that counts, as a process of its own. `GET /count` answers how many POSTs came and when the last one did. Prints its port. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

let count = 0
let lastMs = 0
const server = createServer((request, response) => {
  if (request.method === "GET") {
    response.end(JSON.stringify({ count, lastMs }))
    return
  }
  request.resume().on("end", () => {
    count++
    lastMs = Date.now()
    response.writeHead(200, { "content-length": 2 }).end("ok")
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
process.once("disconnect", () => process.exit(0))
