/** The baseline of `deliver` and `end-to-end`: signs and POSTs a body over and over, 64 at a time, with undici. `node bare-sender.ts <url> <count> <bytes>`. */
import { createHmac, createSecretKey, randomBytes } from "node:crypto"
import { Pool } from "undici"

const [address = "", count = "0", bytes = "0"] = process.argv.slice(2)
const url = new URL(address)
const pool = new Pool(url.origin, { connections: 64, pipelining: 1 })
const key = createSecretKey(randomBytes(32))
const body = Buffer.from(JSON.stringify({ text: "x".repeat(Number(bytes)) }))
let left = Number(count)

async function loop(): Promise<void> {
  while (left-- > 0) {
    const id = `msg_${left}`
    const timestamp = Math.floor(Date.now() / 1000)
    const signature = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64")
    const headers = {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": `${timestamp}`,
      "webhook-signature": `v1,${signature}`,
    }
    const answer = await pool.request({ method: "POST", path: url.pathname, headers, body, headersTimeout: 15_000, bodyTimeout: 15_000 })
    await answer.body.text()
  }
}

const started = performance.now()
await Promise.all(Array.from({ length: 64 }, loop))
process.stdout.write(`${JSON.stringify({ seconds: (performance.now() - started) / 1000 })}\n`)
await pool.close()
