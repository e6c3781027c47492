import { limits } from "@posthorn/core"
import { ErrorClass } from "@posthorn/proto"
import { afterEach, describe, expect, it } from "vitest"
import type { AttemptSender, SendRequest, SendResult } from "../attempt-sender.ts"

/** What the endpoint does, in a form that a real endpoint and a script can both play. */
export type EndpointBehaviour =
  | {
      readonly kind: "answer"
      readonly statusCode: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: Uint8Array
    }
  | { readonly kind: "hang" }
  | { readonly kind: "reset" }

export interface SenderUnderTest {
  readonly sender: AttemptSender
  /** URL of the endpoint. */
  readonly url: string
  /** Requests that the endpoint got. */
  requestCount(): number
  /** Ends the endpoint, not the sender. */
  stop(): Promise<void>
}

/** What every sender promises. Adapters with real connections add what only those can break. */
export function describeSender(name: string, open: (behaviour: EndpointBehaviour) => Promise<SenderUnderTest>): void {
  describe(`${name} keeps the contract of senders`, () => {
    let subject: SenderUnderTest | undefined
    afterEach(async () => {
      await subject?.sender.close()
      await subject?.stop()
      subject = undefined
    })

    async function sendTo(behaviour: EndpointBehaviour, change: Partial<SendRequest> = {}): Promise<SendResult> {
      subject ??= await open(behaviour)
      return subject.sender.send(requestTo(subject.url, change))
    }

    it.each([200, 201, 204, 301, 302, 307, 308, 400, 404, 410, 429, 500, 503])(
      "hands over an answer of status %i as it is, after one request",
      async (statusCode) => {
        const result = await sendTo({
          kind: "answer",
          statusCode,
          headers: { Location: "http://169.254.169.254/latest/meta-data/", "Retry-After": "7" },
        })
        expect(result).toMatchObject({ kind: "answer", statusCode, headers: { "retry-after": "7" }, truncated: false })
        expect(subject?.requestCount()).toBe(1)
      },
    )

    it.each([
      { bytes: 0, kept: 0, truncated: false },
      { bytes: limits.RESPONSE_BODY_KEPT_BYTES_MAX, kept: limits.RESPONSE_BODY_KEPT_BYTES_MAX, truncated: false },
      { bytes: limits.RESPONSE_BODY_KEPT_BYTES_MAX + 1, kept: limits.RESPONSE_BODY_KEPT_BYTES_MAX, truncated: true },
      { bytes: limits.RESPONSE_BODY_READ_BYTES_MAX * 3, kept: limits.RESPONSE_BODY_KEPT_BYTES_MAX, truncated: true },
    ])("keeps the first $kept of $bytes body bytes", async ({ bytes, kept, truncated }) => {
      const body = Uint8Array.from({ length: bytes }, (_, index) => index % 251)
      const result = await sendTo({ kind: "answer", statusCode: 200, body })
      expect(result).toMatchObject({ kind: "answer", truncated })
      expect(result.kind === "answer" && Buffer.from(result.body).equals(body.subarray(0, kept))).toBe(true)
    })

    it("ends a request that is never answered at its deadline", async () => {
      expect(await sendTo({ kind: "hang" }, { timeoutMs: 50 })).toMatchObject({ kind: "none", errorClass: ErrorClass.TIMEOUT })
    })

    it("calls a connection that breaks before an answer a connect failure, and does not try again", async () => {
      expect(await sendTo({ kind: "reset" })).toMatchObject({ kind: "none", errorClass: ErrorClass.CONNECT })
      expect(subject?.requestCount()).toBe(1)
    })

    it("ends requests under way when it is closed, and refuses later ones", async () => {
      const underWay = sendTo({ kind: "hang" }, { timeoutMs: 60_000 })
      await expect.poll(() => subject?.requestCount(), { timeout: 15_000 }).toBe(1)
      await subject?.sender.close()
      expect(await underWay).toMatchObject({ kind: "none", errorClass: ErrorClass.CONNECT })
      expect(await sendTo({ kind: "hang" })).toMatchObject({ kind: "none", errorClass: ErrorClass.CONNECT })
      expect(subject?.requestCount()).toBe(1)
    })

    it("measures no phase longer than the whole", async () => {
      const { phases } = await sendTo({ kind: "answer", statusCode: 200 })
      expect(phases.dns + phases.connect + phases.tls + phases.firstByte).toBeLessThanOrEqual(phases.total)
    })
  })
}

/** A request with everything that a test does not care about. */
export function requestTo(url: string, change: Partial<SendRequest> = {}): SendRequest {
  return {
    method: "POST",
    url,
    headers: { "content-type": "application/json" },
    body: Buffer.from('{"n":1}'),
    timeoutMs: 20_000,
    ...change,
  }
}
