import type { JSONWebKeySet, JWSHeaderParameters } from 'jose'

/**
 * Finds the `kid` that a key set uses for the key that a token's header means. WSO2 puts `_RS256` behind a `kid` in some
 * versions and not in others, and its older tokens name their key by `x5t` alone. Which key is tried decides nothing:
 * every key of the set is the issuer's, and only a signature that verifies counts.
 */
export class KeyNames {
  readonly #kids = new Map<string, string>()

  constructor(set: JSONWebKeySet) {
    for (const { kid, x5t } of set.keys) {
      if (typeof kid !== 'string') continue
      this.#kids.set(kid, kid)
      if (typeof x5t === 'string' && !this.#kids.has(x5t)) this.#kids.set(x5t, kid)
    }
  }

  /** The header with the set's own `kid`; as it is if the set has none for it. */
  resolve(header: JWSHeaderParameters): JWSHeaderParameters {
    const { kid, x5t, alg } = header
    for (const name of [kid, x5t]) {
      if (typeof name !== 'string') continue
      const suffix = `_${alg}`
      const other = name.endsWith(suffix) ? name.slice(0, -suffix.length) : name + suffix
      const known = this.#kids.get(name) ?? this.#kids.get(other)
      if (known !== undefined) return known === kid ? header : { ...header, kid: known }
    }
    return header
  }
}
