import type { KeyObject } from 'node:crypto'
import type { JWSHeaderParameters } from 'jose'
import { judgeKey } from './judged-key.js'
import type { VerificationKeys } from './verification-keys.js'

/** A public key that no token should be verified with. */
export class FixedKeyError extends Error {
  override readonly name = 'FixedKeyError'
  readonly code = 'ERR_KEY_NOT_SUPPORTED'
}

/** An issuer's only key, as its certificate has it, for the algorithms that are made for it. */
export class FixedKey implements VerificationKeys {
  readonly algorithms: readonly string[]
  readonly #key: KeyObject

  /**
   * Throws {@link FixedKeyError} for a private key, one of another kind than RSA (of 2048 bits), P-256/384/521 and
   * Ed25519, and one that is known to be weak.
   *
   * @param from names where the key comes from, for the error
   */
  constructor(key: KeyObject, from = 'key') {
    const judged = judgeKey(key)
    if ('problem' in judged) throw new FixedKeyError(`${from}: no token is verified with this key: ${judged.problem}`)
    this.algorithms = judged.algorithms
    this.#key = key
  }

  async key(_header: JWSHeaderParameters): Promise<KeyObject> {
    return this.#key
  }
}
