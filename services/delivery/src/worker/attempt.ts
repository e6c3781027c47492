import { create } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import {
  attemptIdOf,
  classify,
  composeRequest,
  visibleHeaders,
  type ComposedRequest,
  type Crypto,
  type SubscriptionEntity,
  type Verdict,
} from "@posthorn/core"
import type { AttemptSender, SendResult } from "@posthorn/outbound"
import { AttemptSchema, ErrorClass, Outcome, type Attempt, type DeliveryDue } from "@posthorn/proto"
import type { Clock } from "@posthorn/runtime"
import type { SubscriptionTable } from "../subscription-table.ts"

export interface AttemptOptions {
  readonly sender: AttemptSender
  readonly subscriptions: SubscriptionTable
  readonly crypto: Crypto
  readonly clock: Clock
  readonly secretUnreadable: (subscriptionId: string, error: unknown) => void
}

export interface AttemptMade {
  readonly attempt: Attempt
  readonly verdict: Verdict
}

/** Makes one attempt: composes, signs, sends, and says what came of it. Never rejects. */
export async function makeAttempt(due: DeliveryDue, entity: SubscriptionEntity, options: AttemptOptions): Promise<AttemptMade> {
  const { sender, crypto, clock } = options
  const startedAtMs = clock.nowMs()
  const startedMs = clock.monotonicMs()
  const secrets = secretsOf(entity, startedAtMs, options)
  // Composed in any case, for the record of the attempt; sent unsigned by no means. Receivers compare its time with their own clock.
  const request = composeRequest({ due, subscription: entity.subscription, secrets: secrets ?? [], nowMs: clock.wallMs() }, crypto)
  const result = secrets === undefined ? UNREADABLE : await sender.send(request)
  const durationMs = clock.monotonicMs() - startedMs
  const verdict = classify(result, clock.wallMs())
  return {
    verdict,
    attempt: attemptOf({ due, request, result, verdict, startedAtMs, durationMs, ownHeaders: entity.subscription.headers }),
  }
}

const UNREADABLE: SendResult = {
  kind: "none",
  errorClass: ErrorClass.INTERNAL,
  error: "the subscription's secret cannot be read; set it anew",
  phases: { dns: 0, connect: 0, tls: 0, firstByte: 0, total: 0 },
}

/** A secret whose key is gone fails the attempts of its subscription, and nobody else's. */
function secretsOf(entity: SubscriptionEntity, nowMs: number, { subscriptions, secretUnreadable }: AttemptOptions) {
  try {
    return subscriptions.secretsOf(entity, nowMs)
  } catch (error) {
    secretUnreadable(entity.subscription.id, error)
    return undefined
  }
}

interface AttemptFacts {
  readonly due: DeliveryDue
  readonly request: ComposedRequest
  /** What the subscription adds to it. */
  readonly ownHeaders: Readonly<Record<string, string>>
  readonly result: SendResult
  readonly verdict: Verdict
  readonly startedAtMs: number
  readonly durationMs: number
}

const lossy = new TextDecoder()

function attemptOf({ due, request, ownHeaders, result, verdict, startedAtMs, durationMs }: AttemptFacts): Attempt {
  const failed = verdict.outcome === "failed"
  const { method, url, headers } = request
  return create(AttemptSchema, {
    id: attemptIdOf(due.deliveryId, due.attempt),
    number: due.attempt,
    outcome: failed ? Outcome.FAILED : Outcome.DELIVERED,
    errorClass: failed ? verdict.errorClass : ErrorClass.UNSPECIFIED,
    statusCode: verdict.statusCode,
    error: failed ? verdict.error : "",
    ...(due.dueAt ? { scheduledAt: due.dueAt } : {}),
    startedAt: timestampFromMs(startedAtMs),
    finishedAt: timestampFromMs(Math.round(startedAtMs + durationMs)),
    durationMs,
    request: { method, url, headers: visibleHeaders(headers, ownHeaders) },
    ...(result.kind === "answer"
      ? { response: { headers: visibleHeaders(result.headers), body: lossy.decode(result.body), truncated: result.truncated } }
      : {}),
    phasesMs: result.phases,
  })
}
