import type { Socket } from "node:net"
import type { TlsOptions } from "node:tls"
import { ErrorClass } from "@posthorn/proto"
import { OK, startRawEndpoint } from "../raw-endpoint.ts"
import { delivered, failed, raw, timedOut, type ZooEndpoint } from "./zoo-endpoint.ts"
import { SECURE_NAME, type ZooGrounds } from "./zoo-grounds.ts"

const handshake = failed(ErrorClass.TLS)

/** Opens an endpoint that answers 200 over TLS, to be reached by its name. */
const overTls =
  (options: (grounds: ZooGrounds) => TlsOptions): ZooEndpoint["open"] =>
  (grounds) =>
    startRawEndpoint({
      tls: options(grounds),
      onRequest: (socket) => void socket.write(OK),
      url: (port) => `https://${SECURE_NAME}:${port}/`,
    })

/** Opens an endpoint that does something else where TLS is expected. */
const insteadOfTls = (onConnection: (socket: Socket) => void): ZooEndpoint["open"] =>
  raw({ onConnection, url: (port) => `https://127.0.0.1:${port}/` })

/** Endpoints behind TLS, and such that should be. */
export const secure: readonly ZooEndpoint[] = [
  {
    name: "trusted",
    about: "has a certificate in order",
    expected: delivered(200),
    open: overTls(({ certificates }) => certificates.trusted),
  },
  {
    name: "self-signed",
    about: "has a certificate that nobody trusts",
    expected: handshake,
    open: overTls(({ certificates }) => certificates.strange),
  },
  {
    name: "expired",
    about: "has a certificate of yesterday",
    expected: handshake,
    open: overTls(({ certificates }) => certificates.expired),
  },
  {
    name: "other-name",
    about: "has somebody else's certificate",
    expected: handshake,
    open: overTls(({ certificates }) => certificates.otherName),
  },
  {
    name: "old-tls",
    about: "speaks nothing newer than TLS 1.1",
    expected: handshake,
    open: overTls(({ certificates }) => ({
      ...certificates.trusted,
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    })),
  },
  {
    name: "wants-a-certificate",
    about: "wants a certificate of ours",
    expected: handshake,
    open: overTls(({ certificates }) => ({ ...certificates.trusted, requestCert: true, maxVersion: "TLSv1.2" })),
  },
  {
    name: "plain-on-tls-port",
    about: "speaks HTTP where TLS is expected",
    expected: handshake,
    open: insteadOfTls((socket) => void socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))),
  },
  {
    name: "tls-on-plain-port",
    about: "speaks TLS where HTTP is expected",
    expected: failed(ErrorClass.CONNECT),
    open: ({ certificates }) => startRawEndpoint({ tls: certificates.trusted, url: (port) => `http://127.0.0.1:${port}/` }),
  },
  {
    name: "stalls-in-handshake",
    about: "reads our side of the handshake and says nothing",
    expected: timedOut("in the TLS handshake"),
    open: insteadOfTls(() => undefined),
  },
  {
    name: "closes-in-handshake",
    about: "closes in the handshake",
    expected: handshake,
    open: insteadOfTls((socket) => void socket.once("data", () => socket.end())),
  },
  {
    name: "resets-in-handshake",
    about: "resets in the handshake",
    expected: handshake,
    open: insteadOfTls((socket) => void socket.once("data", () => socket.resetAndDestroy())),
  },
]
