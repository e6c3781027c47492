import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { SubscriptionStateSchema } from "@posthorn/proto"
import type { SubscriptionEntity } from "./entities.ts"
import { ByteArena, type Place } from "./byte-arena.ts"

interface Packed extends Place {
  readonly version: number
  readonly voidBefore: number
}

/** Entities of each of two generations of those that were asked for lately. */
const READ_MAX = 5000
const WASTED_BYTES_MIN = 4 * 1024 * 1024

/**
 * Subscriptions by id, as bytes: a message of that many fields takes over a kilobyte as an object and a fifth of that encoded, and there may be a
 * million. Those that are asked for again and again stay decoded.
 */
export class PackedSubscriptions {
  readonly #packed = new Map<string, Packed>()
  #arena = new ByteArena()
  #recent = new Map<string, SubscriptionEntity>()
  #earlier = new Map<string, SubscriptionEntity>()

  /** 0 = there is none. */
  version(id: string): number {
    return this.#packed.get(id)?.version ?? 0
  }

  get size(): number {
    return this.#packed.size
  }

  ids(): Iterable<string> {
    return this.#packed.keys()
  }

  /** The same object again while it is asked for often, and never one that is changed. */
  get(id: string): SubscriptionEntity | undefined {
    const recent = this.#recent.get(id)
    if (recent !== undefined) return recent
    const packed = this.#packed.get(id)
    if (packed === undefined) return undefined
    const entity = this.#earlier.get(id) ?? this.#unpack(packed)
    this.#remember(id, entity)
    return entity
  }

  put({ subscription, secrets, sourceSecret, sourceSecretFingerprint, version, voidBefore }: SubscriptionEntity): void {
    const { id } = subscription
    this.remove(id)
    const state = { subscription, secrets: [...secrets], sourceSecret, sourceSecretFingerprint }
    const bytes = toBinary(SubscriptionStateSchema, create(SubscriptionStateSchema, state))
    this.#packed.set(id, { ...this.#arena.add(bytes), version, voidBefore })
    if (this.#arena.wasted > Math.max(WASTED_BYTES_MIN, this.#arena.used)) this.#move()
  }

  remove(id: string): void {
    const packed = this.#packed.get(id)
    if (packed === undefined) return
    this.#arena.free(packed)
    this.#packed.delete(id)
    this.#recent.delete(id)
    this.#earlier.delete(id)
  }

  #unpack(packed: Packed): SubscriptionEntity {
    const { subscription, secrets, sourceSecret, sourceSecretFingerprint } = fromBinary(SubscriptionStateSchema, this.#arena.get(packed))
    if (subscription === undefined) throw new Error("a subscription was packed")
    const { version, voidBefore } = packed
    return { kind: "subscription", version, subscription, secrets, sourceSecret, sourceSecretFingerprint, voidBefore }
  }

  #remember(id: string, entity: SubscriptionEntity): void {
    this.#recent.set(id, entity)
    if (this.#recent.size < READ_MAX) return
    this.#earlier = this.#recent
    this.#recent = new Map()
  }

  #move(): void {
    const arena = new ByteArena()
    for (const packed of this.#packed.values()) packed.at = arena.add(this.#arena.get(packed)).at
    this.#arena = arena
  }
}
