import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { type CryptoKey, exportJWK, type JWK, type JWTHeaderParameters, SignJWT } from 'jose'
import { type Authenticated, isRefused, type Refused } from '../../src/auth/authenticator.js'
import { JwtAuthenticator, type JwtAuthenticatorOptions } from '../../src/auth/jwt.js'
import type { JwtIssuer } from '../../src/auth/jwt-issuer.js'
import type { VerificationKeys } from '../../src/auth/verification-keys.js'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import { Fingerprinter } from '../../src/token/fingerprint.js'
import type { TokenIdentity } from '../../src/token/identity.js'

export const NOW = 1_800_000_000_000
export const ISSUER = 'https://issuer.example'
export const fingerprints = Fingerprinter.random()

/** Claims of a token that is good at {@link NOW}. */
export const CLAIMS = {
  iss: ISSUER,
  sub: 'alice',
  aud: 'gateway',
  jti: 'jti-1',
  iat: NOW / 1000 - 60,
  exp: NOW / 1000 + 3600,
}

export const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** What of a token is found where one rule alone is on the list: about what was issued before `revokedBefore`. */
export function foundByRule(
  identity: TokenIdentity,
  kind: 'subject' | 'client' | 'session',
  id: string,
  revokedBefore = NOW,
): string | undefined {
  const list = new RevocationList({ fingerprints, retention: 86_400_000 })
  list.add({ kind, id, revokedBefore, expiresAt: undefined }, 'admin', NOW)
  return list.find(identity)?.by
}

/** Why a credential is refused; `accepted` for one that is not. */
export async function reasonOf(outcome: Authenticated | Refused | Promise<Authenticated | Refused>): Promise<string> {
  const settled = await outcome
  return isRefused(settled) ? settled.reason : 'accepted'
}

/** A key that is always the same. */
export function fixedKey(key: KeyObject | CryptoKey | Uint8Array): VerificationKeys {
  return { key: async () => key }
}

export async function publicJwk(key: KeyObject, more: JWK): Promise<JWK> {
  return { ...(await exportJWK(key)), ...more }
}

export function issuer(more: Partial<JwtIssuer> = {}): JwtIssuer {
  return { issuer: ISSUER, audience: [], keys: fixedKey(rsa.publicKey), consumerKeyClaim: 'aud', ...more }
}

export function authenticator(issuers: readonly JwtIssuer[], more: Partial<JwtAuthenticatorOptions> = {}) {
  return new JwtAuthenticator({
    issuers,
    timestampSkew: 5_000,
    cacheCapacity: 100,
    cacheExpiryTime: 900_000,
    fingerprints: fingerprints,
    ...more,
  })
}

export function signed(
  claims: object = CLAIMS,
  header: JWTHeaderParameters = { alg: 'RS256' },
  key: CryptoKey | KeyObject | Uint8Array = rsa.privateKey,
): Promise<string> {
  return new SignJWT({ ...claims }).setProtectedHeader(header).sign(key)
}

const base64url = (text: string) => Buffer.from(text).toString('base64url')
const padded = (segment: string) => segment.padEnd(Math.ceil(segment.length / 4) * 4, '=')

/** Signs texts as they are, with RS256: what no library would sign. */
export function signedRaw(header: string, payload: string, pad = false): string {
  const input = [header, payload].map((text) => (pad ? padded(base64url(text)) : base64url(text))).join('.')
  const signature = sign('sha256', Buffer.from(input), rsa.privateKey).toString('base64url')
  return `${input}.${pad ? padded(signature) : signature}`
}

/** An HMAC with whatever somebody takes for its secret. */
export function hmacRaw(secret: string, claims: object = CLAIMS): string {
  const input = `${base64url('{"alg":"HS256"}')}.${base64url(JSON.stringify(claims))}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}
