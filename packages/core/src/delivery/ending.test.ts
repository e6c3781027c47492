import { create } from "@bufbuild/protobuf"
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import { DeadLetterState, DeliverySchema, DeliveryState, SubscriptionSchema } from "@posthorn/proto"
import { expect, test } from "vitest"
import { TOPIC_FACTS } from "../topics.ts"
import { REASONS } from "./decide.ts"
import { endingOf } from "./ending.ts"

const subscription = create(SubscriptionSchema, { id: "sub_1", enabled: true })
const ended = (reason: string, state: DeliveryState = DeliveryState.DEAD) =>
  create(DeliverySchema, { state, reason, attemptCount: 3, lastError: "answered 503" })
const letter = (state: DeadLetterState) => ({ state, position: "dead-letters/0/7", diedAt: timestampFromMs(1000) })

test("a dead delivery says what was tried, and until when its dead letter can be redriven", () => {
  const ending = endingOf(ended(REASONS.exhausted), { subscription, deadLetter: letter(DeadLetterState.OPEN) })!
  expect(timestampMs(ending.redriveUntil!)).toBe(1000 + TOPIC_FACTS["dead-letters"].retentionMs!)
  expect(ending).toMatchObject({ deadLetterState: DeadLetterState.OPEN, deadLetterPosition: "dead-letters/0/7" })
  expect(ending.text).toBe(
    "Its schedule is used up. The last of 3 attempts: answered 503. Retry it, or redrive its dead letter until 1970-01-31T00:00:01.000Z.",
  )
})

test("a settled dead letter is not redriven, and what nothing can be sent to is said to be so", () => {
  const discarded = endingOf(ended(REASONS.gone), { subscription, deadLetter: letter(DeadLetterState.DISCARDED) })!
  expect(discarded.redriveUntil).toBeUndefined()
  expect(discarded.text).toContain("discarded")
  const disabled = create(SubscriptionSchema, { enabled: false })
  const cancelled = ended(REASONS.disabled, DeliveryState.CANCELLED)
  expect(endingOf(cancelled, { subscription: disabled, deadLetter: undefined })?.text).toContain("Enable the subscription; then retry it")
  expect(endingOf(cancelled, { subscription: undefined, deadLetter: undefined })?.text).toContain("The subscription is gone")
  expect(endingOf(ended("a mistake", DeliveryState.CANCELLED), { subscription, deadLetter: undefined })?.text).toMatch(
    /^Somebody cancelled it: a mistake\./,
  )
})

test("what has not ended, or well, has no ending", () => {
  for (const state of [DeliveryState.SCHEDULED, DeliveryState.RETRYING, DeliveryState.DELIVERED])
    expect(endingOf(ended("", state), { subscription, deadLetter: undefined })).toBeUndefined()
})
