import { limits } from "@posthorn/core"
import type { PagePath } from "../doors/pages.ts"
import type { Schema } from "./field-rules.ts"
import { answerHeaders, refusals, UNKNOWN_BODY } from "./responses.ts"

const json = (schema: Schema): Schema => ({ "application/json": { schema } })

const status = (...values: readonly string[]): Schema => ({
  type: "object",
  properties: { status: { type: "string", enum: values } },
  required: ["status"],
})

const healthSchema: Schema = {
  type: "object",
  properties: {
    status: { type: "string", enum: ["ok", "degraded", "down"] },
    components: {
      type: "object",
      additionalProperties: {
        type: "object",
        properties: {
          status: { type: "string", enum: ["ok", "down"] },
          lagRecords: { type: "number", description: "Records that the service has not read yet." },
          detail: { type: "string" },
        },
        required: ["status"],
      },
    },
  },
  required: ["status", "components"],
}

const openOperation = (operation: {
  readonly id: string
  readonly summary: string
  readonly responses: Schema
  readonly more?: Schema
}): Schema => ({
  operationId: operation.id,
  tags: ["Operations"],
  summary: operation.summary,
  security: [],
  responses: operation.responses,
  ...operation.more,
})

const answer = (description: string, content: Schema): Schema => ({ description, ...answerHeaders([]), content })

/** The pages of a gateway, which no annotation describes. */
const pages: Readonly<Record<PagePath, Schema>> = {
  "/health": {
    get: openOperation({
      id: "health",
      summary: "How the components are",
      responses: {
        "200": answer("Requests are served.", json(healthSchema)),
        "503": answer("Nothing can be accepted.", json(healthSchema)),
      },
    }),
  },
  "/livez": {
    get: openOperation({ id: "live", summary: "Whether the process runs", responses: { "200": answer("It does.", json(status("ok"))) } }),
  },
  "/readyz": {
    get: openOperation({
      id: "ready",
      summary: "Whether requests should be sent here now",
      responses: { "200": answer("Yes.", json(status("ok"))), "503": answer("No.", json(status("draining", "starting"))) },
    }),
  },
  "/metrics": {
    get: openOperation({
      id: "metrics",
      summary: "Metrics in Prometheus' text format",
      responses: { "200": answer("The metrics.", { "text/plain": { schema: { type: "string" } } }) },
    }),
  },
  "/webhook": {
    post: openOperation({
      id: "receiveWebhook",
      summary: "A receiver to point a subscription at: takes anything and answers 200",
      responses: {
        "200": answer("Received.", json({ type: "object", properties: { received: { const: true } }, required: ["received"] })),
      },
      more: { requestBody: { content: UNKNOWN_BODY } },
    }),
  },
}

const ingest: Schema = {
  operationId: "ingest",
  tags: ["Ingest"],
  summary: "Relays a body to one subscription",
  description: `Takes any body of at most ${limits.PAYLOAD_BYTES_MAX} bytes and relays the very bytes to the subscription, with their content type. The sender proves who it is as the subscription's \`source\` says: by a signature of the sender's scheme, not at all, or by a key of the application with the role \`sender\`.`,
  security: [{ key: [] }, {}],
  parameters: [
    { name: "subscriptionId", in: "path", required: true, schema: { type: "string", minLength: 1 } },
    {
      name: "Idempotency-Key",
      in: "header",
      description: "One key, one event, for at least 24 hours.",
      schema: { type: "string", maxLength: limits.IDEMPOTENCY_KEY_LENGTH_MAX },
    },
  ],
  requestBody: { content: UNKNOWN_BODY },
  responses: {
    "200": answer(
      "The sender only wanted to know whether the address is right; nothing was accepted.",
      json({ type: "object", properties: { challenge: { type: "string" } }, required: ["challenge"] }),
    ),
    "202": answer(
      "Accepted: the log has it.",
      json({
        type: "object",
        properties: {
          eventId: { type: "string", description: "`evt_…`" },
          deliveryId: { type: "string", description: "`dlv_…`: read it to see what becomes of it." },
        },
        required: ["eventId", "deliveryId"],
      }),
    ),
    ...refusals(["400", "401", "403", "404", "409", "413", "415", "422", "429", "503"]),
  },
}

/** What is served beside the methods of the contract. */
export const otherPaths: Schema = { "/v1/ingest/{subscriptionId}": { post: ingest }, ...pages }
