import { type AddressInfo, createServer } from "node:net"
import { parentPort } from "node:worker_threads"

// Listens and then stands still for good: the kernel takes connections into a queue of its own, and nobody takes them out.
const server = createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- between threads there is none
  parentPort?.postMessage((server.address() as AddressInfo).port)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})
