import { create, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { formatId } from "@posthorn/core"
import { EventAcceptedSchema } from "@posthorn/proto"
import { EVENT_TYPES } from "./scenario.ts"
import type { World } from "./world.ts"

/** Accepts events, as gateways do: evenly over the time of the run, or most of them at once. */
export async function publish(world: World): Promise<void> {
  const { scenario, random, time, log, ledger } = world
  const burst = random.chance(0.2)
  for (let left = scenario.events; left > 0; left--) {
    if (!burst || random.chance(0.1)) await time.sleep(random.between(0, (2 * scenario.lastsMs) / scenario.events))
    const applicationId = random.pick(scenario.applications)
    const eventId = formatId("event", random.bytes(16))
    const now = timestampFromMs(time.nowMs())
    const event = create(EventAcceptedSchema, {
      eventId,
      applicationId,
      type: random.pick(EVENT_TYPES),
      contentType: "application/json",
      payload: random.bytes(8),
      acceptedAt: now,
      occurredAt: now,
      configPosition: BigInt(world.config.position),
      bulk: random.chance(0.2),
      ...(random.chance(0.1) ? { deliverAt: timestampFromMs(time.nowMs() + random.between(1, 70_000)) } : {}),
    })
    await ledger.append(log, [
      { topic: event.bulk ? "events.bulk" : "events", key: `${applicationId}/${eventId}`, value: toBinary(EventAcceptedSchema, event) },
    ])
  }
}
