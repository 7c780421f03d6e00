import { errors } from 'jose'
import { describeError } from '../logging/index.js'
import { type CompactJwt, readCredential, type UnreadableCredential } from '../token/index.js'
import { isNoAccessToken, type JwtIssuer, verifyFor } from './jwt-issuer.js'
import { MALFORMED, refusalOf } from './refusals.js'

/** What a credential is, and what each configuration of its issuer says of it. Holds nothing of the token's own text. */
export type Examination =
  | { readonly kind: 'malformed'; readonly reason: UnreadableCredential['reason'] | 'not-an-access-token' }
  | { readonly kind: 'opaque' }
  | {
      readonly kind: 'jwt'
      readonly algorithm: string
      readonly hasKeyId: boolean
      /** Its `iss`, if an issuer of that name is configured. */
      readonly issuer: string | undefined
      /** In the order of the configuration; the first that accepts it decides. */
      readonly verdicts: readonly IssuerVerdict[]
    }

/** What one configuration of an issuer says of a token. */
export interface IssuerVerdict {
  /** Why it refuses it: `unknown-key`, `signature`, `expired`, `claims` ..., or `no-keys`; absent if it accepts it. */
  readonly reason?: string
  /** For people. */
  readonly detail?: string
}

/** Longest algorithm that is repeated: it is the sender's text. */
const ALGORITHM = /^[A-Za-z0-9-]{1,20}$/

/** Examines a credential as an authenticator without a cache would. Never rejects. */
export async function examine(
  credential: string,
  issuers: ReadonlyMap<string, readonly JwtIssuer[]>,
  skew: number,
  now: number,
  issuersNow: () => number,
): Promise<Examination> {
  const read = readCredential(credential)
  if (read.kind === 'refused') return { kind: 'malformed', reason: read.reason }
  if (read.kind === 'opaque') return { kind: 'opaque' }
  if (isNoAccessToken(read)) return { kind: 'malformed', reason: 'not-an-access-token' }
  const issuer = String(read.claims.iss)
  const candidates = issuers.get(issuer)
  const verdicts = (candidates ?? []).map((one) => verdictOf(one, credential, read, skew, now, issuersNow))
  return {
    kind: 'jwt',
    algorithm: algorithmOf(read),
    hasKeyId: read.header.kid !== undefined,
    issuer: candidates === undefined ? undefined : issuer,
    verdicts: await Promise.all(verdicts),
  }
}

async function verdictOf(
  issuer: JwtIssuer,
  credential: string,
  jwt: CompactJwt,
  skew: number,
  now: number,
  issuersNow: () => number,
): Promise<IssuerVerdict> {
  try {
    await verifyFor(issuer, credential, jwt, skew, now, issuersNow)
    return {}
  } catch (error) {
    // jose's messages name claims and parameters, never their values.
    if (error instanceof errors.JOSEError && error.code !== 'ERR_JWKS_TIMEOUT') {
      const { reason } = refusalOf(error)
      return { reason, detail: error.message }
    }
    return { reason: 'no-keys', detail: describeError(error) }
  }
}

function algorithmOf({ header: { alg } }: CompactJwt): string {
  return typeof alg === 'string' && ALGORITHM.test(alg) ? alg : MALFORMED.reason
}
