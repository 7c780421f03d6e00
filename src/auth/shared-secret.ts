import type { JWSHeaderParameters } from 'jose'
import type { Secret } from '../config/index.js'
import type { VerificationKeys } from './verification-keys.js'

/** RFC 7518 §3.2: a key of at least the hash's length, in bytes. */
const LENGTHS: readonly (readonly [algorithm: string, bytes: number])[] = [
  ['HS256', 32],
  ['HS384', 48],
  ['HS512', 64],
]

/** A secret that is too short to be one. Its message holds nothing of it. */
export class SharedSecretError extends Error {
  override readonly name = 'SharedSecretError'
  readonly code = 'ERR_SHARED_SECRET_TOO_SHORT'
}

/** The secret of an issuer that signs with HS256, HS384 or HS512, as far as the secret is long enough, and with nothing else. */
export class SharedSecret implements VerificationKeys {
  readonly algorithms: readonly string[]
  readonly #key: Uint8Array

  /** Throws {@link SharedSecretError} for fewer than 32 bytes of UTF-8: such secrets are guessed off line, from one token. */
  constructor(secret: Secret) {
    this.#key = new TextEncoder().encode(secret.reveal())
    this.algorithms = LENGTHS.filter(([, bytes]) => this.#key.length >= bytes).map(([algorithm]) => algorithm)
    if (this.algorithms.length === 0) throw new SharedSecretError('a shared secret must have at least 32 bytes')
  }

  async key(_header: JWSHeaderParameters): Promise<Uint8Array> {
    return this.#key
  }
}
