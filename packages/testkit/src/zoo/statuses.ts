import { ErrorClass } from "@posthorn/proto"
import { type Expected, onRequest, type ZooEndpoint } from "./zoo-endpoint.ts"

type Answered = Extract<Expected, { outcome: "failed" }>

/** An endpoint that answers one status to everything. Headers are made anew for every answer. */
function answers(
  statusCode: number,
  more: Pick<Answered, "demand" | "retryAfterMs"> = {},
  headers: () => string = () => "",
): Omit<ZooEndpoint, "name"> {
  return {
    about: `answers ${statusCode}`,
    expected: { outcome: "failed", errorClass: ErrorClass.STATUS, statusCode, error: `answered ${statusCode}`, ...more },
    open: onRequest((socket) => void socket.write(`HTTP/1.1 ${statusCode} As Asked\r\n${headers()}content-length: 0\r\n\r\n`)),
  }
}

/** Endpoints that answer, and do not take what they are sent. */
export const statuses: readonly ZooEndpoint[] = [
  { name: "moved-to-metadata", ...answers(301, {}, () => "location: http://169.254.169.254/latest/meta-data/\r\n") },
  { name: "moved-to-itself", ...answers(307, {}, () => "location: /\r\n") },
  { name: "not-modified", ...answers(304) },
  { name: "bad-request", ...answers(400) },
  { name: "unauthorized", ...answers(401) },
  { name: "not-found", ...answers(404) },
  { name: "request-timeout", ...answers(408) },
  { name: "gone", ...answers(410, { demand: "gone" }) },
  { name: "too-large", ...answers(413) },
  { name: "throttles", ...answers(429, { demand: "throttle" }) },
  {
    name: "throttles-for-seconds",
    ...answers(429, { demand: "throttle", retryAfterMs: { from: 7000, to: 7000 } }, () => "retry-after: 7\r\n"),
  },
  {
    name: "throttles-until-a-date",
    ...answers(
      429,
      { demand: "throttle", retryAfterMs: { from: 1, to: 60_000 } },
      () => `retry-after: ${new Date(Date.now() + 60_000).toUTCString()}\r\n`,
    ),
  },
  { name: "server-error", ...answers(500) },
  { name: "bad-gateway", ...answers(502, { demand: "throttle" }) },
  { name: "unavailable", ...answers(503) },
  { name: "gateway-timeout", ...answers(504, { demand: "throttle" }) },
  { name: "unknown-status", ...answers(999) },
]
