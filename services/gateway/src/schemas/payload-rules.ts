import { create } from "@bufbuild/protobuf"
import {
  eventTypeIdOf,
  eventTypeOf,
  isJsonType,
  limits,
  refuse,
  type ConfigTable,
  type EventTypeEntity,
  type Refusal,
  type Violation,
} from "@posthorn/core"
import { FieldViolationSchema, PayloadValidation, type EventAccepted } from "@posthorn/proto"
import type { Outcome, SchemaChecker } from "./schema-checker.ts"

export interface PayloadRulesOptions {
  readonly table: ConfigTable
  readonly checker: Pick<SchemaChecker, "ask">
  readonly events: PayloadEvents
}

/** What came of checking a payload. `unchecked`: it took too long, or there was no time for it. */
export const PAYLOAD_RESULTS = ["fits", "recorded", "refused", "unchecked"] as const
export type PayloadResult = (typeof PAYLOAD_RESULTS)[number]

export interface PayloadEvents {
  payloadChecked(result: PayloadResult): void
}

/** A schema as text, with a number that no other schema has. */
interface Schema {
  readonly key: number
  readonly text: string
}

/** The schemas of an event type by version; `undefined` = the version takes any payload. */
interface Versions {
  readonly newest: Schema | undefined
  readonly byNumber: ReadonlyMap<number, Schema | undefined>
}

const NONE: Versions = { newest: undefined, byNumber: new Map() }

/** Whether payloads fit the schemas of their event types, where an application has them checked. */
export class PayloadRules {
  readonly #options: PayloadRulesOptions
  /** An entity is never changed: what was read out of it holds as long as it does. */
  readonly #read = new WeakMap<EventTypeEntity, Versions>()
  #keys = 0

  constructor(options: PayloadRulesOptions) {
    this.#options = options
  }

  /**
   * Why an event is refused, or nothing; violations that are only to be recorded are written into it. At once, and without a look at the
   * payload, where there is nothing to check. `typeVersion` 0 = the newest.
   */
  judge(event: EventAccepted, typeVersion: number): Promise<Refusal | undefined> | Refusal | undefined {
    const mode = modeOf(this.#options.table, event.applicationId)
    if (mode === "off" || !isJsonType(event.contentType)) return undefined
    const { newest, byNumber } = this.#versionsOf(event)
    if (typeVersion !== 0 && !byNumber.has(typeVersion)) {
      const violation = { field: "type_version", reason: `${event.type} has no version ${typeVersion}` }
      return this.#conclude(event, mode, { violations: [violation] })
    }
    const schema = typeVersion === 0 ? newest : byNumber.get(typeVersion)
    return schema && this.#check(event, mode, schema)
  }

  async #check(event: EventAccepted, mode: Mode, { key, text }: Schema): Promise<Refusal | undefined> {
    const { applicationId, payload } = event
    return this.#conclude(event, mode, await this.#options.checker.ask(applicationId, { kind: "payload", key, schema: text, payload }))
  }

  #conclude(event: EventAccepted, mode: Mode, outcome: Outcome): Refusal | undefined {
    const { events } = this.#options
    if (typeof outcome === "string") {
      events.payloadChecked("unchecked")
      if (mode === "enforce") return unchecked(outcome)
      record(event, [{ field: "data", reason: "was not checked: checking took too long, now or a moment ago" }])
    } else if (outcome.violations.length === 0) {
      events.payloadChecked("fits")
    } else if (mode === "enforce") {
      events.payloadChecked("refused")
      return misfit(outcome.violations)
    } else {
      events.payloadChecked("recorded")
      record(event, outcome.violations)
    }
    return undefined
  }

  #versionsOf({ applicationId, type }: EventAccepted): Versions {
    const entity = this.#options.table.eventType(eventTypeIdOf(applicationId, type))
    if (entity === undefined) return NONE
    const known = this.#read.get(entity)
    if (known !== undefined) return known
    const byNumber = new Map<number, Schema | undefined>()
    for (const { version, schema } of eventTypeOf(entity).versions)
      byNumber.set(version, schema && { key: ++this.#keys, text: JSON.stringify(schema) })
    const versions = { newest: [...byNumber.values()].at(-1), byNumber }
    this.#read.set(entity, versions)
    return versions
  }
}

type Mode = "warn" | "enforce"

function modeOf(table: ConfigTable, applicationId: string): Mode | "off" {
  const mode = table.application(applicationId)?.application.payloadValidation
  if (mode === PayloadValidation.WARN) return "warn"
  return mode === PayloadValidation.ENFORCE ? "enforce" : "off"
}

function record(event: EventAccepted, violations: readonly Violation[]): void {
  event.schemaViolations = violations.map(({ field, reason }) => create(FieldViolationSchema, { field, reason }))
}

const misfit = (details: readonly Violation[]): Refusal =>
  refuse("invalid_argument", "The payload does not fit the schema of its event type.", { details, httpStatus: 422 })

function unchecked(outcome: Exclude<Outcome, object>): Refusal {
  switch (outcome) {
    case "overrun":
      return misfit([{ field: "data", reason: `could not be checked within ${limits.SCHEMA_CHECK_MS} ms` }])
    case "resting":
      return refuse(
        "resource_exhausted",
        "Payloads of this application take too long to check, or too many wait for it. Nothing was stored.",
        {
          retryAfterSeconds: limits.SCHEMA_REST_MS / 1000,
        },
      )
    case "unavailable":
      return refuse("unavailable", "Payloads cannot be checked at the moment. Nothing was stored.", { retryAfterSeconds: 1 })
  }
}
