import { limits } from "@posthorn/core"
import type { AddressPolicy } from "../guard/address-policy.ts"
import { BoundedMap } from "../guard/bounded-map.ts"
import { judgeUrl } from "../guard/url-rules.ts"

/** Where a request goes, once its URL has passed the rules. */
export interface Target {
  readonly origin: string
  readonly path: string
  readonly secure: boolean
}

/** Answers the target of a URL, or `undefined` when the rules refuse it. The last `JUDGED_URLS_MAX` targets are remembered. */
export function createTargets(policy: AddressPolicy): (url: string) => Target | undefined {
  const judged = new BoundedMap<string, Target>(limits.JUDGED_URLS_MAX)
  return (text) => {
    const known = judged.get(text)
    if (known !== undefined) return known
    const judgement = judgeUrl(text, policy)
    if (!("ok" in judgement)) return undefined
    const url = judgement.ok
    const target = { origin: url.origin, path: url.pathname + url.search, secure: url.protocol === "https:" }
    judged.set(text, target)
    return target
  }
}
