import { isIP } from "node:net"
import type { Parser } from "./env.ts"

/** Any text. */
export const text: Parser<string> = { expects: "a text", parse: (given) => given }

/** A text that a pattern matches as a whole. `expects` says so in words. */
export function matching(pattern: RegExp, expects: string): Parser<string> {
  const whole = new RegExp(`^(?:${pattern.source})$`, pattern.flags)
  return { expects, parse: (given) => (whole.test(given) ? given : undefined) }
}

/** A whole number within bounds, both included. */
export function integer(min: number, max: number): Parser<number> {
  return {
    expects: `a whole number from ${min} to ${max}`,
    parse: (given) => {
      const value = /^-?\d{1,15}$/.test(given) ? Number(given) : Number.NaN
      return value >= min && value <= max ? value : undefined
    },
  }
}

/** A TCP port to listen on; 0 lets the system choose. */
export const port: Parser<number> = { ...integer(0, 65_535), expects: "a port from 0 to 65535 (0 = any free one)" }

export const boolean: Parser<boolean> = {
  expects: "true or false",
  parse: (given) => (/^(?:true|1)$/i.test(given) ? true : /^(?:false|0)$/i.test(given) ? false : undefined),
}

/** One of some words. */
export function oneOf<const Word extends string>(words: readonly Word[]): Parser<Word> {
  return { expects: `one of ${words.join(", ")}`, parse: (given) => words.find((word) => word === given) }
}

/** An absolute URL with one of these schemes, as written. */
export function url(...schemes: readonly string[]): Parser<string> {
  return {
    expects: `a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(" or ")}`,
    parse: (given) => {
      const parsed = URL.canParse(given) ? new URL(given) : undefined
      return parsed !== undefined && parsed.hostname !== "" && schemes.includes(parsed.protocol.slice(0, -1)) ? given : undefined
    },
  }
}

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const isUnit = (unit: string): unit is keyof typeof UNIT_MS => Object.hasOwn(UNIT_MS, unit)

/** A length of time with its unit, in milliseconds. */
export const duration: Parser<number> = {
  expects: "a length of time with its unit (250ms, 30s, 5m, 72h, 7d)",
  parse: (given) => {
    const [, amount, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(given) ?? []
    return amount === undefined || unit === undefined || !isUnit(unit) ? undefined : Number(amount) * UNIT_MS[unit]
  },
}

/** How many of something there may be in how many seconds. */
export const rate: Parser<{ readonly count: number; readonly periodSeconds: number }> = {
  expects: "count/seconds (1000/60), from 1/3600 to 1000000/1",
  parse: (given) => {
    const [, countText, secondsText] = /^(\d{1,7})\/(\d{1,4})$/.exec(given) ?? []
    const [count, periodSeconds] = [Number(countText), Number(secondsText)]
    return count >= 1 && count <= 1_000_000 && periodSeconds >= 1 && periodSeconds <= 3600 ? { count, periodSeconds } : undefined
  },
}

/** A comma list of one kind of item, without repetitions. A variable that is set but empty is the empty list. */
export function list<T>(item: Parser<T>): Parser<readonly T[]> {
  return { expects: `a comma list, each item ${item.expects}`, emptyIsValue: true, parse: (given) => each(item, split(given)) }
}

/** As `list`, and a JSON list of texts as well. */
export function jsonOrCommaList<T>(item: Parser<T>): Parser<readonly T[]> {
  return {
    expects: `a JSON list or a comma list, each item ${item.expects}`,
    emptyIsValue: true,
    parse: (given) => each(item, given.startsWith("[") ? jsonTexts(given) : split(given)),
  }
}

/** `host:port`; an IPv6 address stands in brackets. */
export const hostPort: Parser<string> = {
  expects: "host:port",
  parse: (given) => {
    const [, bracketed, name, number] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(given) ?? []
    const valid = (bracketed === undefined ? name !== undefined : isIP(bracketed) === 6) && Number(number) >= 1 && Number(number) <= 65_535
    return valid ? given : undefined
  },
}

/** An IP address, with a port or without; an IPv6 address with a port stands in brackets. */
export const addressMaybePort: Parser<string> = {
  expects: "an IP address, with a port or without (10.0.0.2, 10.0.0.2:53, [fd00::2]:53)",
  parse: (given) => {
    const [, ipv6, ipv4 = "", number = ""] = /^(?:\[([0-9a-fA-F:.]+)\]|([\d.]+)):(\d{1,5})$/.exec(given) ?? []
    const withPort = isIP(ipv6 ?? ipv4) !== 0 && Number(number) >= 1 && Number(number) <= 65_535
    return isIP(given) !== 0 || withPort ? given : undefined
  },
}

/** A network in CIDR notation, or the word `loopback`. */
export const network: Parser<string> = {
  expects: "a network such as 10.0.0.0/8 or fd00::/8, or loopback",
  parse: (given) => {
    const [, address = "", prefix = ""] = /^([0-9a-fA-F:.]+)\/(\d{1,3})$/.exec(given) ?? []
    const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
    return given === "loopback" || (prefix !== "" && Number(prefix) <= bits) ? given : undefined
  },
}

const split = (given: string): readonly string[] => (given === "" ? [] : given.split(",").map((item) => item.trim()))

function jsonTexts(given: string): readonly string[] | undefined {
  try {
    const value: unknown = JSON.parse(given)
    return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined
  } catch {
    // Not JSON: the reader is told what is expected, like for every other fault.
    return undefined
  }
}

function each<T>(item: Parser<T>, texts: readonly string[] | undefined): readonly T[] | undefined {
  const values = new Set<T>()
  for (const given of texts ?? []) {
    const value = given === "" ? undefined : item.parse(given)
    if (value === undefined) return undefined
    values.add(value)
  }
  return texts === undefined ? undefined : [...values]
}
