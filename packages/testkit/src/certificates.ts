/** PEM texts. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

const DAY_MS = 24 * 60 * 60 * 1000

/** A certificate for one name, signed by itself: whoever shall trust it has to be told so. Valid from yesterday on, by default for a year. */
export async function certificateFor(name: string, notAfterDate = new Date(Date.now() + 365 * DAY_MS)): Promise<Certificate> {
  // Loaded when needed: it is large, and nearly every test imports this package.
  const { generate } = await import("selfsigned")
  const pair = await generate([{ name: "commonName", value: name }], {
    keyType: "ec",
    extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: name }] }],
    notBeforeDate: new Date(Date.now() - DAY_MS),
    notAfterDate,
  })
  return { cert: pair.cert, key: pair.private }
}
