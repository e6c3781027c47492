import { randomInt } from "node:crypto"
import { once } from "node:events"
import { createServer } from "node:net"

/** Below the range that systems give ports from by themselves: nobody is given one of these by chance between being free and being used. */
const FROM = 20_000
const TO = 32_000
const TRIES = 100
const given = new Set<number>()

/** A loopback port that is free. Not reserved: whoever asks for this very one gets it. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = randomInt(FROM, TO)
    if (given.has(port)) continue
    const server = createServer().listen(port, "127.0.0.1")
    const listens = await once(server, "listening").then(
      () => true,
      () => false,
    )
    if (!listens) continue
    server.close()
    await once(server, "close")
    given.add(port)
    return port
  }
  throw new Error(`no port from ${FROM} to ${TO} is free`)
}

export const freePorts = (count: number): Promise<number[]> => Promise.all(Array.from({ length: count }, freePort))
