import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'

export type Json = Readonly<Record<string, unknown>>

/** A key of a transmitter, and its public half as a JWK. */
export interface SigningKey {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly jwk: Json
}

export function newSigningKey(kid: string = randomUUID()): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' } }
}

export function base64url(value: string | Json): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

/** A compact JWS; header and payload may be any text. */
export function signed(header: Json | string, payload: Json | string, { privateKey }: SigningKey): string {
  const input = `${base64url(header)}.${base64url(payload)}`
  return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
}

/** The HMAC with the public key for its secret: the classic confusion of algorithms (RFC 8725 §2.1). */
export function signedByPublicKey(header: Json, payload: Json, { jwk }: SigningKey): string {
  const input = `${base64url(header)}.${base64url(payload)}`
  return `${input}.${createHmac('sha256', JSON.stringify(jwk)).update(input).digest('base64url')}`
}

/** A SET as a transmitter writes it; members that are `undefined` are left out. */
export function newSet(
  to: { readonly issuer: string; readonly audience: string; readonly key: SigningKey; readonly jti?: string },
  claims: Json = {},
  header: Json = {},
): string {
  return signed(
    { alg: 'RS256', typ: 'secevent+jwt', kid: to.key.kid, ...header },
    { iss: to.issuer, aud: to.audience, iat: Math.floor(Date.now() / 1000), jti: to.jti ?? randomUUID(), ...claims },
    to.key,
  )
}
