import { limits } from "@posthorn/core"
import { ErrorClass } from "@posthorn/proto"
import { flood, OK } from "../raw-endpoint.ts"
import { delivered, deliveredInPart, failed, onRequest, raw, writes, type ZooEndpoint } from "./zoo-endpoint.ts"

const connect = failed(ErrorClass.CONNECT)
const protocol = failed(ErrorClass.PROTOCOL)

const breakingOff: readonly ZooEndpoint[] = [
  {
    name: "resets-at-accept",
    about: "resets every connection",
    expected: connect,
    open: raw({ onConnection: (socket) => void socket.resetAndDestroy() }),
  },
  {
    name: "closes-at-accept",
    about: "closes every connection",
    expected: connect,
    open: raw({ onConnection: (socket) => void socket.end() }),
  },
  {
    name: "resets-unanswered",
    about: "reads a request and resets",
    expected: connect,
    open: onRequest((socket) => socket.resetAndDestroy()),
  },
  { name: "closes-unanswered", about: "reads a request and closes", expected: connect, open: onRequest((socket) => socket.end()) },
  {
    name: "closes-in-the-request",
    about: "closes before it has read the body",
    expected: connect,
    bodyBytes: limits.PAYLOAD_BYTES_MAX,
    open: onRequest((socket) => socket.destroy()),
  },
  {
    name: "resets-after-hints",
    about: "gives hints and resets",
    expected: connect,
    open: onRequest((socket) => void socket.write("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", () => socket.resetAndDestroy())),
  },
  {
    name: "closes-in-headers",
    about: "closes in its headers",
    expected: protocol,
    open: onRequest((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-le")),
  },
  {
    name: "resets-in-headers",
    about: "resets in its headers",
    expected: protocol,
    open: onRequest((socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-le", () => socket.resetAndDestroy())),
  },
  {
    name: "closes-in-body",
    about: "promises more body than it sends",
    expected: protocol,
    open: onRequest((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nok")),
  },
  {
    name: "closes-in-chunks",
    about: "closes before its last chunk",
    expected: protocol,
    open: onRequest((socket) => socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n")),
  },
  {
    name: "resets-in-body",
    about: "resets in its body",
    expected: protocol,
    open: onRequest((socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", () => socket.resetAndDestroy())),
  },
]

const speakingOtherwise: readonly ZooEndpoint[] = [
  { name: "garbage", about: "sends garbage", expected: protocol, open: writes("\x00\xff\x16\x03garbage\r\n\r\n") },
  { name: "http-0.9", about: "speaks HTTP/0.9", expected: protocol, open: onRequest((socket) => socket.end("<html>ok</html>")) },
  { name: "speaks-http2", about: "speaks HTTP/2 unasked", expected: protocol, open: writes("\x00\x00\x00\x04\x00\x00\x00\x00\x00") },
  {
    name: "ssh",
    about: "speaks another protocol",
    expected: protocol,
    open: raw({ onConnection: (socket) => void socket.write("SSH-2.0-OpenSSH_9.9\r\n") }),
  },
  { name: "status-in-words", about: "has a status that is no number", expected: protocol, open: writes("HTTP/1.1 OK OK\r\n\r\n") },
  {
    name: "two-lengths",
    about: "names two lengths",
    expected: protocol,
    open: writes("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!"),
  },
  {
    name: "length-and-chunks",
    about: "names a length and sends chunks",
    expected: protocol,
    open: writes("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
  },
  {
    name: "chunk-without-size",
    about: "sends a chunk without a size",
    expected: protocol,
    open: writes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nok"),
  },
  {
    name: "switches-protocols",
    about: "changes to another protocol",
    expected: protocol,
    open: writes("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"),
  },
  // RFC 9110 lets a client pass over it; undici does not.
  {
    name: "continue-first",
    about: "asks for the body, which nobody has held back",
    expected: protocol,
    open: writes(`HTTP/1.1 100 Continue\r\n\r\n${OK}`),
  },
  // The second answer belongs to no request; it must not harm the first.
  { name: "answers-twice", about: "sends two answers to one request", expected: delivered(200), open: writes(OK + OK) },
]

const withoutEnd: readonly ZooEndpoint[] = [
  {
    name: "endless-hints",
    about: "floods with informational answers",
    expected: protocol,
    open: onRequest((socket) => flood(socket, "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")),
  },
  {
    name: "endless-headers",
    about: "has headers without end",
    expected: protocol,
    open: onRequest((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n")
      flood(socket, `x-more: ${"a".repeat(1000)}\r\n`)
    }),
  },
  {
    name: "endless-header",
    about: "has one header without end",
    expected: protocol,
    open: onRequest((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nx-more: ")
      flood(socket, "a".repeat(4096))
    }),
  },
  {
    name: "too-large-headers",
    about: "sends more headers than are read",
    expected: protocol,
    open: writes(`HTTP/1.1 200 OK\r\nx-more: ${"a".repeat(limits.RESPONSE_HEADERS_BYTES_MAX)}\r\ncontent-length: 0\r\n\r\n`),
  },
  {
    name: "endless-body",
    about: "has a body without end",
    expected: deliveredInPart,
    open: onRequest((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n")
      flood(socket, "a".repeat(65_536))
    }),
  },
  {
    name: "endless-chunks",
    about: "has chunks without end",
    expected: deliveredInPart,
    open: onRequest((socket) => {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
      flood(socket, `400\r\n${"a".repeat(1024)}\r\n`)
    }),
  },
]

/** Endpoints that break the rules. */
export const broken: readonly ZooEndpoint[] = [...breakingOff, ...speakingOtherwise, ...withoutEnd]
