import { limits } from "@posthorn/core"
import type { Kafka } from "@posthorn/testkit"
import type { Api } from "../../e2e/api.ts"
import type { ServiceName, Services } from "../../e2e/installation.ts"
import { ENDPOINTS, type EndpointName, type Endpoints } from "../endpoints.ts"
import type { Network } from "../network.ts"
import type { Published } from "../publisher.ts"

/** Attempts that one delivery process can have under way: every lane full. */
export const IN_FLIGHT = Math.min(limits.ATTEMPTS_IN_FLIGHT_MAX, ENDPOINTS.length * limits.LANE_CONCURRENCY_MAX)

/** What a fault can be done to. */
export interface World {
  readonly posthorn: Services
  readonly kafka: Kafka
  readonly endpoints: Endpoints
  /** Only of a scenario that asks for it. */
  readonly network: Network
  /** As an administrator of the application that events are published to. */
  readonly api: Api
  readonly applicationId: string
  readonly subscriptions: Readonly<Record<EndpointName, string>>
  /** Records of a stranger, as `topic/partition/offset`. */
  readonly garbage: Set<string>
  /** What faults have found to be wrong. */
  readonly broken: string[]
}

export interface Scenario {
  readonly name: string
  readonly about: string
  /** Processes besides one of each service. */
  readonly also?: readonly ServiceName[]
  /** The services reach Kafka and the stores by ways that can be disturbed. */
  readonly network?: true
  /** Milliseconds from the end of one fault to the next. */
  readonly everyMs: number
  /** Deliveries that one fault may cause to be made twice: what was in flight, or none where nothing in flight is cut off. */
  readonly duplicatesPerFault: number
  /** How many events are published, whatever is asked for. */
  readonly events?: number
  readonly halfWithoutKey?: true
  /** See `PublisherOptions`. */
  readonly sendsAgain?: true
  /** Some of what happened cannot reach the views: what they say is not compared. */
  readonly viewsLack?: true
  /** How long a request to publish is waited for; default `ANSWER_MS`. */
  readonly answerMs?: number
  /** Waits before the retries; default `DELAYS_SECONDS`. */
  readonly delaysSeconds?: readonly number[]
  /** Deadline of an attempt; default the service's own. */
  readonly timeoutMs?: number
  /** Does harm and makes it good again. `nth` counts from 0. */
  readonly fault: (world: World, nth: number) => Promise<void>
  /** What has to be done for everything to come to rest; called again and again until it has. */
  readonly tend?: (world: World) => Promise<void>
  /** What is wrong besides what every scenario is judged by, once everything is at rest. */
  readonly problems?: (world: World, published: Published) => readonly string[] | Promise<readonly string[]>
}
