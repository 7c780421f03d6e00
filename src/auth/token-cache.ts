import { LRUCache } from 'lru-cache'
import type { Authenticated, Refused } from './authenticator.js'

/** Average length of a cached credential, in characters, that the cache is sized for: most have 1,000 to 2,000, some 64 KB. */
const AVERAGE_LENGTH = 4_096

/** What is told which values enter and leave a cache. */
export interface CacheObserver<Value> {
  add(value: Value): void
  remove(value: Value): void
}

/** A cache keyed by the exact credential, bounded by the number of credentials and by the memory that long ones take. */
export function tokenCache<Value extends object | number>(
  capacity: number,
  observer?: CacheObserver<Value>,
): LRUCache<string, Value> {
  return new LRUCache<string, Value>({
    max: capacity,
    maxSize: capacity * AVERAGE_LENGTH,
    // A credential longer than the whole cache is not cached.
    sizeCalculation: (_, credential) => credential.length,
    ...(observer && {
      onInsert: (value, _, reason) => {
        if (reason !== 'update') observer.add(value)
      },
      dispose: (value) => observer.remove(value),
    }),
  })
}

interface Flight {
  readonly generation: number
  readonly outcome: Promise<Authenticated | Refused>
}

/**
 * Single flight by credential: requests that bring a credential while it is being checked share that one check. There are
 * at most as many flights as requests that wait for one.
 */
export class TokenFlights {
  readonly #flights = new Map<string, Flight>()
  #generation = 0

  /** Changes with {@link forget}: an outcome of an earlier generation must not be cached. */
  get generation(): number {
    return this.#generation
  }

  /** Later requests join no check that began before: it may rest on a key, or an answer, that is no longer valid. */
  forget(): void {
    this.#generation++
  }

  /** The check of this credential that is under way, if it began in this generation or in one since `oldest`. */
  find(credential: string, oldest = this.#generation): Promise<Authenticated | Refused> | undefined {
    const flight = this.#flights.get(credential)
    return flight !== undefined && flight.generation >= oldest ? flight.outcome : undefined
  }

  /** Starts a check. `check` is told the generation that it starts in. */
  start(
    credential: string,
    check: (generation: number) => Promise<Authenticated | Refused>,
  ): Promise<Authenticated | Refused> {
    const generation = this.#generation
    const outcome = check(generation).finally(() => {
      if (this.#flights.get(credential) === flight) this.#flights.delete(credential)
    })
    const flight: Flight = { generation, outcome }
    this.#flights.set(credential, flight)
    return outcome
  }
}
