import { decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose'
import { LRUCache } from 'lru-cache'
import { faults } from '../faults/index.js'
import type { Fingerprinter } from '../revocation/fingerprint.js'
import { identify, readCredential } from '../revocation/token-id.js'
import type { Authenticated, Authenticator, Refused } from './authenticator.js'
import type { VerificationKeys } from './verification-keys.js'

/** An issuer whose tokens are accepted: one `[[jwtTokenConfig]]`. */
export interface JwtIssuer {
  readonly issuer: string
  /** Any of these must be among the token's audiences; any audience will do if there are none. */
  readonly audience: readonly string[]
  readonly keys: VerificationKeys
  /** The claim that names the client beside `azp`, `client_id` and `consumerKey`. */
  readonly consumerKeyClaim: string
}

export interface JwtAuthenticatorOptions {
  readonly issuers: readonly JwtIssuer[]
  /** Milliseconds by which clocks may differ: applied to `exp` and `nbf`. */
  readonly timestampSkew: number
  /** How many verified tokens are remembered. */
  readonly cacheCapacity: number
  /** Milliseconds for which a verified token is remembered at most. */
  readonly cacheExpiryTime: number
  readonly fingerprints: Fingerprinter
}

/** Asymmetric signatures only: neither `none` nor an HMAC with a public key for its secret (RFC 8725 §3.1). */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']

const refused = (reason: string): Refused => ({ fault: faults.invalidCredentials, reason })
const REASONS: Readonly<Record<string, Refused>> = {
  ERR_JWT_EXPIRED: refused('expired'),
  ERR_JWT_CLAIM_VALIDATION_FAILED: refused('claims'),
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: refused('signature'),
  ERR_JOSE_ALG_NOT_ALLOWED: refused('algorithm'),
  ERR_JWKS_NO_MATCHING_KEY: refused('unknown-key'),
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: refused('unknown-key'),
}
const MALFORMED = refused('malformed')
const UNKNOWN_ISSUER = refused('issuer')
const NOT_A_JWT = refused('opaque')

/**
 * Verifies JWTs (RFC 7519, by jose) of the configured issuers and remembers those that it verified, keyed by the exact
 * credential, until the earlier of their `exp` and the cache's own limit.
 */
export class JwtAuthenticator implements Authenticator {
  readonly #options: JwtAuthenticatorOptions
  readonly #issuers: ReadonlyMap<string, JwtIssuer>
  readonly #verified: LRUCache<string, Authenticated>

  constructor(options: JwtAuthenticatorOptions) {
    this.#options = options
    this.#issuers = new Map(options.issuers.map((issuer) => [issuer.issuer, issuer]))
    this.#verified = new LRUCache({ max: options.cacheCapacity })
  }

  authenticate(credential: string, now: number): Authenticated | Refused | Promise<Authenticated | Refused> {
    const known = this.#verified.get(credential)
    if (known !== undefined && now < known.usableUntil) return known
    return this.#verify(credential, now)
  }

  /** Forgets what was verified: some of the keys that did it are not valid any more. */
  forgetVerified(): void {
    this.#verified.clear()
  }

  async #verify(credential: string, now: number): Promise<Authenticated | Refused> {
    const jwt = readCredential(credential)
    if (jwt.kind === 'refused') return MALFORMED
    if (jwt.kind === 'opaque') return NOT_A_JWT
    try {
      const issuer = this.#issuers.get(String(decodeJwt(credential).iss))
      if (issuer === undefined) return UNKNOWN_ISSUER
      const { payload } = await jwtVerify(credential, (header, token) => issuer.keys.key(header, token), {
        algorithms: ALGORITHMS,
        issuer: issuer.issuer,
        ...(issuer.audience.length === 0 ? {} : { audience: [...issuer.audience] }),
        requiredClaims: ['exp'],
        clockTolerance: this.#options.timestampSkew / 1000,
        currentDate: new Date(now),
      })
      const identity = identify(jwt, payload, this.#options.fingerprints, issuer.consumerKeyClaim)
      const authenticated = this.#authenticated(identity, payload, now)
      this.#verified.set(credential, authenticated)
      return authenticated
    } catch (error) {
      if (error instanceof errors.JOSEError && error.code !== 'ERR_JWKS_TIMEOUT')
        return REASONS[error.code] ?? MALFORMED
      throw error
    }
  }

  #authenticated(identity: Authenticated['identity'], payload: JWTPayload, now: number): Authenticated {
    const { timestampSkew, cacheExpiryTime } = this.#options
    return {
      identity,
      scopes: scopesOf(payload),
      keyType: payload.keytype === 'SANDBOX' ? 'SANDBOX' : 'PRODUCTION',
      usableUntil: Math.min((payload.exp ?? 0) * 1000 + timestampSkew, now + cacheExpiryTime),
    }
  }
}

/** RFC 8693's `scope`, a string of words; some issuers write an array, some call it `scp`. */
function scopesOf(payload: JWTPayload): ReadonlySet<string> {
  const scope = payload.scope ?? payload.scp
  if (typeof scope === 'string') return new Set(scope.split(' ').filter((word) => word !== ''))
  if (Array.isArray(scope)) return new Set(scope.filter((word) => typeof word === 'string'))
  return new Set()
}
