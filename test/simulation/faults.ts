import { limits, type Topic } from "@posthorn/core"
import type { Fault } from "./scenario.ts"
import { addProcess } from "./simulated-process.ts"
import type { Inhabitant, World } from "./world.ts"

const PROCESSES_MAX = 6
const CLOCK_JUMP_MS = 60 * 60_000

/** Lets something go wrong; resolves once what can be over is over. */
export async function inject(world: World, fault: Fault): Promise<void> {
  const { random, time, log, ledger } = world
  const here = world.processes.filter(({ state }) => state !== "gone")
  const some = here.length > 0 ? random.pick(here) : undefined
  switch (fault) {
    case "crash":
      some?.crash()
      await time.sleep(random.between(1, 8000))
      return addProcess(world)
    case "cut off":
      some?.cutOff()
      await time.sleep(random.between(10, 20_000))
      return some?.restore()
    case "freeze":
      return some && standStill(world, some)
    case "clock jump":
      return some && time.jump(some, random.pick([-1, 1]) * CLOCK_JUMP_MS)
    case "join":
      return here.length < PROCESSES_MAX ? addProcess(world) : undefined
    case "leave":
      return here.length > 1 ? some?.stop() : undefined
    case "append":
      return some && world.trouble(some, random.between(10, 10_000))
    case "poison": {
      const topic = random.pick<Topic>(["events", "deliveries", "deliveries.bulk", "retry.5s", "retry.1m", "control", "parked"])
      // No message begins with this byte.
      const value = random.chance(0.3) ? new Uint8Array() : Uint8Array.of(0xff, ...random.bytes(4))
      await ledger.append(log, [{ topic, key: `${random.next()}`, value }])
      return
    }
    default:
      return fault satisfies never
  }
}

/** As short as garbage is collected, or for so long that others take over what it has. */
async function standStill({ random, time }: World, process: Inhabitant): Promise<void> {
  const forMs = random.chance(0.5) ? random.between(20, 500) : random.between(500, 20_000)
  const evictedAfterMs = Math.min(forMs, limits.SESSION_TIMEOUT_MS)
  process.freeze()
  await time.sleep(evictedAfterMs)
  if (forMs > evictedAfterMs) process.evict()
  await time.sleep(forMs - evictedAfterMs)
  process.thaw()
}
