import { isRefusal } from "@posthorn/core"
import { IngestService } from "@posthorn/proto"
import type { Handlers, PublishPort } from "../call.ts"
import type { PublishBatch } from "./publish-batch.ts"
import { publishInputOf } from "./publish-input.ts"

/** Registers publishing for the doors that speak in messages. */
export function registerPublish(handlers: Handlers, port: PublishPort, publishBatch: PublishBatch): void {
  handlers.register(IngestService.method.publish, async (request, call) => {
    const input = publishInputOf(request)
    return isRefusal(input) ? input : port.publish(input, call)
  })
  handlers.register(IngestService.method.publishBatch, async ({ events }, call) => publishBatch(events.map(publishInputOf), call))
}
