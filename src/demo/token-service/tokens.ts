import { randomUUID } from 'node:crypto'
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { ALGORITHM, type SigningKey } from './signing-key.js'

/** What an access token of this service says: all of it is always there. */
export interface AccessTokenClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: string
  readonly azp: string
  /** Seconds since the epoch, as `exp` is. */
  readonly iat: number
  readonly exp: number
  readonly jti: string
  readonly scope: string
}

/** Seconds. */
export const TOKEN_LIFETIME = 3600
/** Base64url and dots only: a signature may decode with other characters in it, which a header must not carry. */
const COMPACT_JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** Issues RS256 access tokens, and reads back those that it issued. */
export class Tokens {
  readonly #issuer: string
  readonly #key: SigningKey
  readonly #clock: () => number

  constructor(issuer: string, key: SigningKey, clock: () => number) {
    this.#issuer = issuer
    this.#key = key
    this.#clock = clock
  }

  /** A token for a client that acts for itself. */
  issue(clientId: string, scope: string): Promise<string> {
    const iat = Math.floor(this.#clock() / 1000)
    const claims: AccessTokenClaims = {
      iss: this.#issuer,
      sub: clientId,
      aud: clientId,
      azp: clientId,
      iat,
      exp: iat + TOKEN_LIFETIME,
      jti: randomUUID(),
      scope,
    }
    return new SignJWT({ ...claims })
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT', kid: this.#key.kid })
      .sign(this.#key.privateKey)
  }

  /** The claims of a token that this service issued and that has not expired; `undefined` for any other text. */
  async read(token: string): Promise<AccessTokenClaims | undefined> {
    if (!COMPACT_JWT.test(token)) return undefined
    try {
      const { payload } = await jwtVerify(token, this.#key.publicKey, {
        algorithms: [ALGORITHM],
        issuer: this.#issuer,
        requiredClaims: ['sub', 'aud', 'iat', 'exp', 'jti'],
        currentDate: new Date(this.#clock()),
      })
      return claims(payload)
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined
      throw error
    }
  }
}

function claims({ iss, sub, aud, azp, iat, exp, jti, scope }: JWTPayload): AccessTokenClaims | undefined {
  if (iss === undefined || sub === undefined || iat === undefined || exp === undefined) return undefined
  if (typeof aud !== 'string' || typeof jti !== 'string') return undefined
  return { iss, sub, aud, azp: String(azp ?? aud), iat, exp, jti, scope: String(scope ?? '') }
}
