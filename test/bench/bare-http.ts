/** The baseline of `ingest-http`: reads the body and answers 202. Prints its port. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const answer = JSON.stringify({ id: "evt_00000000000000000000000000" })
const server = createServer((request, response) => {
  const parts: Buffer[] = []
  request
    .on("data", (part: Buffer) => parts.push(part))
    .on("end", () => {
      Buffer.concat(parts)
      response.writeHead(202, { "content-type": "application/json", "content-length": answer.length }).end(answer)
    })
})
server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
process.once("disconnect", () => process.exit(0))
