import { LRUCache } from 'lru-cache'

/** Characters that a remembered credential may have on average: real tokens have 1,000 to 2,000, some have 64 KB. */
const AVERAGE_LENGTH = 4_096

/** A cache keyed by the exact credential, bounded by the credentials' number and by the memory that long ones take. */
export function tokenCache<Value extends object | number>(capacity: number): LRUCache<string, Value> {
  return new LRUCache<string, Value>({
    max: capacity,
    maxSize: capacity * AVERAGE_LENGTH,
    // One that is longer than the whole cache may be is not remembered.
    sizeCalculation: (_, credential) => credential.length,
  })
}
