import { type Certificate, certificateFor } from "../certificates.ts"
import { type DnsScript, startDnsServer } from "../dns-server.ts"

/** Name of the endpoints that have a certificate worth checking. */
export const SECURE_NAME = "hooks.example.com"

/** What endpoints of the zoo have around them. */
export interface ZooGrounds extends AsyncDisposable {
  /** The one name server that knows the names in their URLs. */
  readonly dnsAddress: string
  /** What an attempt has to trust, as PEM texts. */
  readonly authorities: readonly string[]
  readonly certificates: Readonly<Record<"trusted" | "strange" | "otherName" | "expired", Certificate>>
}

export async function startZooGrounds(names: DnsScript): Promise<ZooGrounds> {
  const [trusted, strange, otherName, expired, dns] = await Promise.all([
    certificateFor(SECURE_NAME),
    certificateFor(SECURE_NAME),
    certificateFor("other.example.com"),
    certificateFor(SECURE_NAME, new Date(Date.now() - 1000)),
    startDnsServer(names),
  ])
  return {
    dnsAddress: dns.address,
    // Trusted but for their one fault, so that each of them is found by itself.
    authorities: [trusted.cert, otherName.cert, expired.cert],
    certificates: { trusted, strange, otherName, expired },
    [Symbol.asyncDispose]: () => dns.stop(),
  }
}
