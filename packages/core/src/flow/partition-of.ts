/**
 * The partition of a key: FNV-1a over its UTF-16 units, finished so that low bits depend on all of the key.
 * Part of the data format: changing it moves subscriptions between partitions.
 */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  }
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  return (hash >>> 0) % partitions
}
