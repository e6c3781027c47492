import { limits } from "@posthorn/core"
import { ErrorClass } from "@posthorn/proto"
import type { AttemptSender, Phases, SendRequest, SendResult } from "../attempt-sender.ts"

/** How a scripted attempt ends. */
export type ScriptedReply =
  | {
      readonly kind: "answer"
      readonly statusCode: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: Uint8Array
      /** Milliseconds until the answer; default 0, in the same turn of the event loop. Later than the deadline is no answer. */
      readonly delayMs?: number
    }
  | { readonly kind: "none"; readonly errorClass: ErrorClass; readonly error?: string }
  | { readonly kind: "hang" }

/** Chooses by request; `nth` counts requests from 1. */
export type Script = (request: SendRequest, nth: number) => ScriptedReply

export interface ScriptedSender extends AttemptSender {
  /** Every request so far, in order. */
  readonly requests: readonly SendRequest[]
  /** Requests that are neither answered nor failed yet. */
  readonly underWay: number
}

/** A sender for tests that opens no connection: it keeps the port's bounds and deadlines, by timers that a fake clock can drive. */
export function createScriptedSender(script: Script): ScriptedSender {
  const requests: SendRequest[] = []
  const underWay = new Set<() => void>()
  let closed = false

  function send(request: SendRequest): Promise<SendResult> {
    if (closed) return Promise.resolve(senderClosed())
    requests.push(request)
    const { afterMs, result } = play(script(request, requests.length), request)
    if (afterMs === 0) return Promise.resolve(result)
    return new Promise((resolve) => {
      const end = (ending: SendResult): void => {
        clearTimeout(timer)
        underWay.delete(abort)
        resolve(ending)
      }
      const abort = (): void => end(senderClosed())
      const timer = setTimeout(() => end(result), afterMs)
      underWay.add(abort)
    })
  }

  return {
    requests,
    get underWay() {
      return underWay.size
    },
    send,
    close: () => {
      closed = true
      for (const abort of underWay) abort()
      return Promise.resolve()
    },
  }
}

function play(reply: ScriptedReply, request: SendRequest): { readonly afterMs: number; readonly result: SendResult } {
  if (reply.kind === "none") return { afterMs: 0, result: failure(reply.errorClass, reply.error ?? "as scripted", 0) }
  const delayMs = reply.kind === "hang" ? Number.POSITIVE_INFINITY : (reply.delayMs ?? 0)
  if (reply.kind === "hang" || delayMs > request.timeoutMs) {
    return {
      afterMs: request.timeoutMs,
      result: failure(ErrorClass.TIMEOUT, `timed out after ${request.timeoutMs} ms while waiting for the answer`, request.timeoutMs),
    }
  }
  const body = reply.body ?? new Uint8Array()
  const kept = body.slice(0, limits.RESPONSE_BODY_KEPT_BYTES_MAX)
  const headers = Object.fromEntries(Object.entries(reply.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]))
  const result: SendResult = {
    kind: "answer",
    statusCode: reply.statusCode,
    headers,
    body: kept,
    truncated: body.length > kept.length,
    phases: lasting(delayMs),
  }
  return { afterMs: delayMs, result }
}

const lasting = (totalMs: number): Phases => ({ dns: 0, connect: 0, tls: 0, firstByte: totalMs, total: totalMs })
const failure = (errorClass: ErrorClass, error: string, totalMs: number): SendResult => ({
  kind: "none",
  errorClass,
  error,
  phases: { ...lasting(totalMs), firstByte: 0 },
})
const senderClosed = (): SendResult => failure(ErrorClass.CONNECT, "the sender was closed", 0)
