import { createRequire } from "node:module"
import { promisify } from "node:util"
import { constants, zstdCompress, zstdDecompress } from "node:zlib"
import { assert, limits } from "@posthorn/core"
import kafkajs, {
  type ICustomPartitioner,
  type ISocketFactory,
  type Kafka,
  type KafkaConfig,
  type logCreator,
  type SASLOptions,
} from "kafkajs"
import type { ConnectionOptions } from "node:tls"

const require = createRequire(import.meta.url)

export interface KafkaConnection {
  /** `host:port` of some brokers; the others are found through them. */
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly ssl?: boolean | ConnectionOptions
  readonly sasl?: SASLOptions
  /** Opens the connections, where they must take a way of their own. */
  readonly socketFactory?: ISocketFactory
  /** Told of what goes wrong and is tried again; comes often while Kafka is away. */
  readonly onError?: (error: Error) => void
}

/** Between 0.1 and 1 s apart. The number of tries is each caller's; a group member that runs out of them starts anew by itself. */
const RETRY = { initialRetryTime: 100, maxRetryTime: 1000, retries: 6 } as const

/** A client with finite timeouts everywhere. Not connected. Members of one group must not share one: it caches a group's offsets. */
export function kafkaClient(connection: KafkaConnection): Kafka {
  prepare()
  return new kafkajs.Kafka(clientConfig(connection))
}

/** Every record names its partition. */
export const asGiven: ICustomPartitioner =
  () =>
  ({ message }) => {
    assert(message.partition !== undefined, "a record with a partition")
    return message.partition
  }

function clientConfig({ brokers, clientId, ssl, sasl, socketFactory, onError }: KafkaConnection): KafkaConfig {
  return {
    brokers: [...brokers],
    clientId,
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
    ...(socketFactory === undefined ? {} : { socketFactory }),
    connectionTimeout: limits.KAFKA_CONNECT_TIMEOUT_MS,
    requestTimeout: limits.KAFKA_REQUEST_TIMEOUT_MS,
    retry: RETRY,
    logLevel: kafkajs.logLevel.ERROR,
    logCreator: errorsTo(onError),
  }
}

/** Only messages are passed on: the client's extras hold whole requests. */
function errorsTo(onError: KafkaConnection["onError"]): logCreator {
  return () => (entry) => onError?.(new Error(`kafka ${entry.namespace}: ${entry.log.message}`))
}

let prepared = false

function prepare(): void {
  if (prepared) return
  prepared = true
  const { CompressionCodecs, CompressionTypes } = kafkajs
  const compress = promisify(zstdCompress)
  const decompress = promisify(zstdDecompress)
  const fast = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: (encoder: { readonly buffer: Buffer }) => compress(encoder.buffer, fast),
    decompress: (bytes: Buffer) => decompress(bytes),
  })
  // The client checks an empty queue every millisecond for ever: 4 % of a core for each idle connection.
  const { prototype } = require("kafkajs/src/network/requestQueue") as { prototype: RequestQueue }
  const schedule = prototype.scheduleCheckPendingRequests
  prototype.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0) schedule.call(this)
  }
  forgetAtReconnect((require("kafkajs/src/network/connection") as { prototype: Connection }).prototype)
}

/** Bytes of the length before each answer. */
const LENGTH_BYTES = 4

/**
 * The client keeps what it had received of an answer when its connection was cut, and takes it for the beginning of the first answer of the next one:
 * from then on nothing is where it is looked for, and the process ends with an error that nobody can catch.
 */
function forgetAtReconnect(prototype: Connection): void {
  const { connect } = prototype
  prototype.connect = function () {
    if (!this.isConnected()) Object.assign(this, { chunks: [], bytesBuffered: 0, bytesNeeded: LENGTH_BYTES })
    return connect.call(this)
  }
}

interface Connection {
  isConnected(this: Connection): boolean
  connect(this: Connection): Promise<true>
}

interface RequestQueue {
  readonly pending: readonly unknown[]
  scheduleCheckPendingRequests(this: RequestQueue): void
}

/** A connection that fetches by position, which the client's public calls offer to group members only. */
export interface FetchConnection {
  connect(): Promise<void>
  disconnect(): Promise<void>
  refreshMetadata(): Promise<void>
  addTargetTopic(topic: string): Promise<void>
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, readonly number[]>
  findBroker(node: { nodeId: string }): Promise<{ fetch(request: FetchRequest): Promise<FetchResponse> }>
  fetchTopicsOffset(
    topics: readonly { topic: string; partitions: readonly { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<readonly { partitions: readonly { partition: number; offset: string }[] }[]>
}

interface FetchRequest {
  readonly maxWaitTime: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly isolationLevel: number
  readonly topics: readonly { topic: string; partitions: readonly { partition: number; fetchOffset: string; maxBytes: number }[] }[]
}

interface FetchedMessage {
  readonly offset: string
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly isControlRecord?: boolean
}

interface FetchResponse {
  readonly responses: readonly {
    readonly partitions: readonly { readonly highWatermark: string; readonly messages: readonly FetchedMessage[] }[]
  }[]
}

/** Not connected. A fetch that waits holds up every other request of its connection, so one that waits should have it alone. */
export function fetchConnection(connection: KafkaConnection): FetchConnection {
  prepare()
  const Cluster = require("kafkajs/src/cluster") as new (config: object) => FetchConnection
  const { createLogger } = require("kafkajs/src/loggers") as { createLogger: (config: object) => object }
  const defaultSocketFactory = require("kafkajs/src/network/socketFactory") as () => object
  const { logLevel, logCreator, ...config } = clientConfig(connection)
  return new Cluster({
    socketFactory: defaultSocketFactory(),
    ...config,
    logger: createLogger({ level: logLevel, logCreator }),
    enforceRequestTimeout: true,
    metadataMaxAge: limits.KAFKA_METADATA_AGE_MS,
    allowAutoTopicCreation: false,
    maxInFlightRequests: null,
    isolationLevel: READ_COMMITTED,
  })
}

export const READ_COMMITTED = 1
