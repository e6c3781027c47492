/** Where bytes lie in an arena. */
export interface Place {
  at: number
  readonly length: number
}

const CHUNK_BYTES = 1024 * 1024

/**
 * Many small byte strings in few large pieces: each by itself would cost the engine more than what is in it. What is let go leaves a gap;
 * `wasted` says how much of the arena is gaps, and whoever owns the places may move them into a new one.
 */
export class ByteArena {
  readonly #chunks: Uint8Array[] = []
  #end = 0
  #used = 0

  /** Bytes that nobody can reach any more. */
  get wasted(): number {
    return this.#end - this.#used
  }

  /** Bytes that are kept. */
  get used(): number {
    return this.#used
  }

  /** Copies bytes in; at most `CHUNK_BYTES` of them. */
  add(bytes: Uint8Array): Place {
    const { length } = bytes
    if (length > CHUNK_BYTES) throw new Error(`${length} bytes do not fit`)
    // Nothing lies across two chunks.
    if ((this.#end % CHUNK_BYTES) + length > CHUNK_BYTES) this.#end = Math.ceil(this.#end / CHUNK_BYTES) * CHUNK_BYTES
    const index = Math.floor(this.#end / CHUNK_BYTES)
    const chunk = (this.#chunks[index] ??= new Uint8Array(CHUNK_BYTES))
    const at = this.#end
    chunk.set(bytes, at % CHUNK_BYTES)
    this.#end += length
    this.#used += length
    return { at, length }
  }

  /** The bytes themselves, not a copy. */
  get({ at, length }: Place): Uint8Array {
    const chunk = this.#chunks[Math.floor(at / CHUNK_BYTES)]
    if (chunk === undefined) throw new Error("no such place")
    return chunk.subarray(at % CHUNK_BYTES, (at % CHUNK_BYTES) + length)
  }

  free({ length }: Place): void {
    this.#used -= length
  }
}
