import type { Fingerprint } from '../token/index.js'
import type { Authenticated } from './authenticator.js'
import type { CacheObserver } from './token-cache.js'

/** The ids of the tokens in a cache: tells whose revocation an entry of the list is. */
export class CachedIds implements CacheObserver<Authenticated> {
  /** How many of the tokens have an id. */
  readonly #counts = new Map<number, number>()

  /** Whether a token in the cache has this id. Wrong by chance once in 2^53 for each id in the cache. */
  has(id: Fingerprint): boolean {
    return this.#counts.has(keyOf(id))
  }

  add({ identity }: Authenticated): void {
    for (const id of [...identity.ids, ...identity.ofIssuer.ids]) {
      const key = keyOf(id)
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    }
  }

  remove({ identity }: Authenticated): void {
    for (const id of [...identity.ids, ...identity.ofIssuer.ids]) {
      const key = keyOf(id)
      const count = this.#counts.get(key) ?? 0
      if (count > 1) this.#counts.set(key, count - 1)
      else this.#counts.delete(key)
    }
  }
}

/** 53 of the 64 bits: a number takes less memory than a text. */
function keyOf({ hi, lo }: Fingerprint): number {
  return (hi & 0x1f_ffff) * 2 ** 32 + (lo >>> 0)
}
