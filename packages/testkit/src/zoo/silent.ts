import { trickle, writeLater, OK } from "../raw-endpoint.ts"
import { startFullPort } from "./full-port.ts"
import { onRequest, raw, timedOut, writes, ZOO_TIMEOUT_MS, type ZooEndpoint } from "./zoo-endpoint.ts"

/** Endpoints that only the deadline ends. */
export const silent: readonly ZooEndpoint[] = [
  { name: "never-accepts", about: "lets connections wait without end", expected: timedOut("while connecting"), open: startFullPort },
  { name: "never-answers", about: "reads and says nothing", expected: timedOut("while waiting for the answer"), open: raw({}) },
  {
    name: "answers-late",
    about: "answers when nobody waits any more",
    expected: timedOut("while waiting for the answer"),
    open: onRequest((socket) => writeLater(socket, OK, ZOO_TIMEOUT_MS + 300)),
  },
  {
    name: "only-hints",
    about: "gives hints and then says nothing",
    expected: timedOut("while waiting for the answer"),
    open: writes("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"),
  },
  {
    name: "drips-its-reason",
    about: "never ends its status line",
    expected: timedOut("while reading the headers"),
    open: onRequest((socket) => {
      socket.write("HTTP/1.1 200 ")
      trickle(socket, "a")
    }),
  },
  {
    name: "drips-headers",
    about: "never ends its headers",
    expected: timedOut("while reading the headers"),
    open: onRequest((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nx: ")
      trickle(socket, "a")
    }),
  },
  {
    name: "stalls-in-headers",
    about: "stops in its headers",
    expected: timedOut("while reading the headers"),
    open: writes("HTTP/1.1 200 OK\r\ncontent-le"),
  },
  {
    name: "drips-its-body",
    about: "never ends its body",
    expected: timedOut("while reading the body"),
    open: onRequest((socket) => {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n")
      trickle(socket, "a")
    }),
  },
  {
    name: "drips-its-chunk",
    about: "never ends the size of a chunk",
    expected: timedOut("while reading the body"),
    open: onRequest((socket) => {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff;")
      trickle(socket, "a")
    }),
  },
  {
    name: "stalls-in-body",
    about: "stops in its body",
    expected: timedOut("while reading the body"),
    open: writes("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nok"),
  },
]
