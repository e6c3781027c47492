import { gzipSync } from "node:zlib"
import { limits } from "@posthorn/core"
import { OK, writeLater } from "../raw-endpoint.ts"
import { delivered, deliveredInPart, onRequest, writes, type ZooEndpoint } from "./zoo-endpoint.ts"

const EMPTY = "content-length: 0\r\n\r\n"
/** 10 MB of nothing in 10 KB. */
const BOMB = gzipSync(Buffer.alloc(10_000_000))

/** Endpoints that take what they are sent, each in its own way. */
export const healthy: readonly ZooEndpoint[] = [
  { name: "ok", about: "answers 200", expected: delivered(200), open: writes(OK) },
  { name: "created", about: "answers 201", expected: delivered(201), open: writes(`HTTP/1.1 201 Created\r\nlocation: /1\r\n${EMPTY}`) },
  { name: "no-content", about: "answers 204", expected: delivered(204), open: writes("HTTP/1.1 204 No Content\r\n\r\n") },
  { name: "last-of-2xx", about: "answers 299", expected: delivered(299), open: writes(`HTTP/1.1 299 Fine\r\n${EMPTY}`) },
  { name: "no-reason", about: "answers 200 without a reason", expected: delivered(200), open: writes(`HTTP/1.1 200\r\n${EMPTY}`) },
  {
    name: "old-http",
    about: "speaks HTTP/1.0",
    expected: delivered(200),
    open: onRequest((socket) => socket.end("HTTP/1.0 200 OK\r\n\r\nok")),
  },
  { name: "slow", about: "answers late, and in time", expected: delivered(200), open: onRequest((socket) => writeLater(socket, OK, 200)) },
  {
    name: "byte-by-byte",
    about: "sends every byte of its answer by itself",
    expected: delivered(200),
    open: onRequest((socket) => {
      const bytes = [...OK]
      const next = (): void => {
        const byte = bytes.shift()
        if (byte !== undefined) socket.write(byte, () => void setImmediate(next))
      }
      next()
    }),
  },
  {
    name: "chunked",
    about: "answers in chunks, with a trailer",
    expected: delivered(200),
    open: writes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\nx-sum: 1\r\n\r\n"),
  },
  {
    name: "close-delimited",
    about: "ends its body by ending the connection",
    expected: delivered(200),
    open: onRequest((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nok")),
  },
  {
    name: "closes-as-announced",
    about: "ends the connection after its answer, as it has said",
    expected: delivered(200),
    open: onRequest((socket) => socket.end(`HTTP/1.1 200 OK\r\nconnection: close\r\n${EMPTY}`)),
  },
  {
    name: "closes-unannounced",
    about: "ends a connection that could have been used again",
    expected: delivered(200),
    open: onRequest((socket) => socket.end(OK)),
  },
  {
    name: "hints-first",
    about: "gives hints before its answer",
    expected: delivered(200),
    open: writes("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(limits.INFORMATIONAL_ANSWERS_MAX) + OK),
  },
  {
    name: "large-headers",
    about: "sends nearly as many headers as are read",
    expected: delivered(200),
    open: writes(`HTTP/1.1 200 OK\r\nx-more: ${"a".repeat(limits.RESPONSE_HEADERS_BYTES_MAX - 100)}\r\n${EMPTY}`),
  },
  {
    name: "large-body",
    about: "sends more than is read, and would come to an end",
    expected: deliveredInPart,
    open: onRequest((socket) => {
      const bytes = 16 * limits.RESPONSE_BODY_READ_BYTES_MAX
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${bytes}\r\n\r\n${"a".repeat(bytes)}`)
    }),
  },
  {
    name: "compressed",
    about: "compresses unasked, a thousand to one",
    expected: delivered(200),
    open: onRequest((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${BOMB.length}\r\n\r\n`)
      socket.write(BOMB)
    }),
  },
]
