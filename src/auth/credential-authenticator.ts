import { hasCode } from '../error-code.js'
import { type Credential, type Fingerprinter, identify, readCredential, type TokenIdentity } from '../token/index.js'
import {
  type Authenticated,
  type Authenticator,
  isRefused,
  type Refused,
  type Sender,
  type TokenNames,
  type TokenOrigin,
} from './authenticator.js'
import type { JwtAuthenticator } from './jwt.js'
import type { OpaqueAuthenticator } from './opaque.js'
import { EXPIRED, isUnverified, OPAQUE } from './refusals.js'

export interface CredentialAuthenticatorOptions {
  readonly jwt: JwtAuthenticator
  /** Absent without a key manager: opaque tokens are refused. */
  readonly opaque?: OpaqueAuthenticator
  /** `enableIntrospectForFailedJWT`. */
  readonly introspectFailedJwt: boolean
  /** Issuers that are asked about their own JWTs: the key manager's word does not replace theirs. */
  readonly introspectedIssuers?: ReadonlySet<string>
  /** Milliseconds by which clocks may differ. */
  readonly timestampSkew: number
  /** Tokens whose `exp` lies before this (epoch ms) have ended, however large the skew. Default: none. */
  readonly droppedBefore?: (() => number) | undefined
  readonly fingerprints: Fingerprinter
}

/**
 * Three dot-separated parts are a JWT, anything else is opaque. With `introspectFailedJwt`, the key manager is asked
 * about a JWT whose signature was not verified: an unknown issuer's, one with an unknown key or a signature that does not
 * verify, or one whose issuer's keys are unavailable. It is never asked about one that is malformed, expired by its own
 * `exp`, or verified and refused, or of an issuer whose tokens are introspected in any case.
 */
export class CredentialAuthenticator implements Authenticator, TokenNames, TokenOrigin {
  readonly #jwt: JwtAuthenticator
  readonly #opaque: OpaqueAuthenticator | undefined
  readonly #failedJwts: OpaqueAuthenticator | undefined
  readonly #introspectedIssuers: ReadonlySet<unknown>
  readonly #skew: number
  readonly #droppedBefore: () => number
  readonly #fingerprints: Fingerprinter

  constructor(options: CredentialAuthenticatorOptions) {
    this.#jwt = options.jwt
    this.#opaque = options.opaque
    this.#failedJwts = options.introspectFailedJwt ? options.opaque : undefined
    this.#introspectedIssuers = options.introspectedIssuers ?? new Set()
    this.#skew = options.timestampSkew
    this.#droppedBefore = options.droppedBefore ?? (() => Number.NEGATIVE_INFINITY)
    this.#fingerprints = options.fingerprints
  }

  authenticate(
    credential: string,
    now: number,
    sender?: Sender,
  ): Authenticated | Refused | Promise<Authenticated | Refused> {
    const outcome = hasThreeParts(credential)
      ? this.#authenticateJwt(credential, now, sender)
      : (this.#opaque?.authenticate(credential, now, sender) ?? OPAQUE)
    return outcome instanceof Promise
      ? outcome.then((late) => this.#confirmed(late, credential, sender))
      : this.#confirmed(outcome, credential, sender)
  }

  /** The outcome, once the issuer has been asked where that is required. */
  #confirmed(
    outcome: Authenticated | Refused,
    credential: string,
    sender: Sender | undefined,
  ): Authenticated | Refused | Promise<Authenticated | Refused> {
    if (isRefused(outcome)) return outcome
    if (outcome.expiresAt <= this.#droppedBefore()) return EXPIRED
    return outcome.standing === undefined ? outcome : outcome.standing.confirm(outcome, credential, sender)
  }

  #authenticateJwt(
    credential: string,
    now: number,
    sender: Sender | undefined,
  ): Authenticated | Refused | Promise<Authenticated | Refused> {
    if (this.#failedJwts === undefined) return this.#jwt.authenticate(credential, now)
    const known = this.#jwt.known(credential, now) ?? this.#failedJwts.known(credential, now)
    return known ?? this.#verifyOrIntrospect(this.#failedJwts, credential, now, sender)
  }

  isIssued(credential: string): Promise<boolean | undefined> {
    return this.#jwt.isIssued(credential)
  }

  identitiesOf(credential: Credential, now: number): TokenIdentity[] {
    const { token } = credential
    const own =
      credential.kind === 'jwt'
        ? this.#jwt.unverified(credential)
        : [identify(credential, {}, this.#fingerprints, undefined, undefined, this.#jwt.knownIssuers)]
    const introspected = this.#opaque?.nameOf(token, now)
    return introspected === undefined ? own : [...own, introspected]
  }

  async #verifyOrIntrospect(
    introspection: OpaqueAuthenticator,
    credential: string,
    now: number,
    sender: Sender | undefined,
  ): Promise<Authenticated | Refused> {
    if (this.#isIntrospected(credential)) return this.#jwt.authenticate(credential, now)
    const outcome = await this.#verify(credential, now)
    if (outcome !== undefined && !(isRefused(outcome) && isUnverified(outcome))) return outcome
    return this.#expired(credential, now) ? EXPIRED : introspection.authenticate(credential, now, sender)
  }

  /** `undefined`: the issuer's keys are unavailable. */
  async #verify(credential: string, now: number): Promise<Authenticated | Refused | undefined> {
    try {
      return await this.#jwt.authenticate(credential, now)
    } catch (error) {
      if (hasCode(error, 'ERR_JWKS_UNAVAILABLE')) return undefined
      throw error
    }
  }

  #isIntrospected(credential: string): boolean {
    if (this.#introspectedIssuers.size === 0) return false
    const read = readCredential(credential)
    return read.kind === 'jwt' && this.#introspectedIssuers.has(read.claims.iss)
  }

  #expired(credential: string, now: number): boolean {
    const read = readCredential(credential)
    if (read.kind !== 'jwt') return false
    const { exp } = read.claims
    return typeof exp === 'number' && exp * 1000 + this.#skew <= now
  }
}

/** As `readCredential` counts them, without allocating. */
function hasThreeParts(credential: string): boolean {
  const first = credential.indexOf('.')
  if (first < 0) return false
  const second = credential.indexOf('.', first + 1)
  return second >= 0 && credential.indexOf('.', second + 1) < 0
}
