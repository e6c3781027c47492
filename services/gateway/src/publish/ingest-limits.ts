import { limits, RateMeter, refuse, type ConfigTable, type NamedRate, type Rate, type Refusal } from "@posthorn/core"
import type { Tell } from "../call.ts"

export interface IngestLimitsOptions {
  readonly table: ConfigTable
  /** Of an application that has none of its own; `undefined` = none. */
  readonly installation: Rate | undefined
  readonly nowMs: () => number
}

/** Whose event it is. */
export interface Publisher {
  readonly applicationId: string
  /** `undefined` = it did not come with a key. */
  readonly keyId: string | undefined
  readonly tell: Tell
}

interface Policy extends NamedRate {
  /** As the answer calls it. */
  readonly policy: "key" | "application"
}

/**
 * Counts events against the limits of their key and of their application, in this process alone. The answer tells the limits, used up or not,
 * in the fields of draft-ietf-httpapi-ratelimit-headers-10.
 */
export class IngestLimits {
  readonly #options: IngestLimitsOptions
  readonly #meter = new RateMeter(limits.RATES_COUNTED_MAX)

  constructor(options: IngestLimitsOptions) {
    this.#options = options
  }

  /** Counts one event, or says why it may not come now. */
  refuses({ applicationId, keyId, tell }: Publisher): Refusal | undefined {
    const policies = this.#policiesOf(applicationId, keyId)
    if (policies.length === 0) return undefined
    const nowMs = this.#options.nowMs()
    const taken = this.#meter.take(policies, nowMs)
    const quotas = policies.map((policy) => ({ ...policy, ...this.#meter.quota(policy, nowMs) }))
    tell("ratelimit-policy", quotas.map(({ policy, rate }) => `"${policy}";q=${rate.count};w=${rate.periodSeconds}`).join(", "))
    tell("ratelimit", quotas.map(({ policy, remaining, moreInMs }) => `"${policy}";r=${remaining};t=${secondsOf(moreInMs)}`).join(", "))
    if (taken) return undefined
    const exhausted = quotas.filter(({ remaining }) => remaining === 0)
    return refuse("resource_exhausted", `Too many events for the ${exhausted.map(({ policy }) => policy).join(" and the ")}.`, {
      retryAfterSeconds: Math.max(1, ...exhausted.map(({ moreInMs }) => secondsOf(moreInMs))),
    })
  }

  #policiesOf(applicationId: string, keyId: string | undefined): readonly Policy[] {
    const { table, installation } = this.#options
    const ofKey = keyId === undefined ? undefined : table.key(keyId)?.key.rateLimit
    const ofApplication = table.application(applicationId)?.application.ingestRateLimit ?? installation
    const policies: Policy[] = []
    if (keyId !== undefined && ofKey !== undefined) policies.push({ policy: "key", name: keyId, rate: ofKey })
    if (ofApplication !== undefined) policies.push({ policy: "application", name: applicationId, rate: ofApplication })
    return policies
  }
}

const secondsOf = (ms: number): number => Math.ceil(ms / 1000)
