import { readCredential } from '../token/index.js'
import type { TokenRevocation } from './record.js'
import { expiryInstant } from './wso2-fields.js'

/** A token as a source would name it, and by which of its names. */
export interface Revocable {
  readonly by: 'jti' | 'signature' | 'token'
  readonly record: TokenRevocation
}

/**
 * How a token that is to be revoked is named in a store and on a topic: a JWT by its `jti`, or by its canonical
 * signature if it has none; anything else by itself. Verifies nothing: call it for tokens that were verified, or come
 * from somebody who is trusted. `undefined` for what is neither a token nor a `jti`: empty, too long, or not of visible ASCII.
 *
 * @param expiresAt when the token ends (epoch ms), if that is known better than by the JWT's own `exp`
 */
export function revocable(token: string, now: number, expiresAt?: number): Revocable | undefined {
  const credential = readCredential(token)
  if (credential.kind === 'refused') {
    // Three parts that are no JWT in its one spelling: some `jti`s look so, and the list reads JWTs of any spelling.
    const isName = credential.reason === 'base64url' || credential.reason === 'json'
    return isName ? named('token', token, expiryInstant(expiresAt, now)) : undefined
  }
  if (credential.kind === 'opaque') return named('token', credential.token, expiryInstant(expiresAt, now))
  const { jti, exp } = credential.claims
  const until = expiryInstant(expiresAt ?? exp, now)
  const name = typeof jti === 'number' && Number.isSafeInteger(jti) ? String(jti) : jti
  if (typeof name === 'string' && name !== '') return named('jti', name, until)
  return named('signature', credential.signature, until)
}

function named(by: Revocable['by'], id: string, expiresAt: number | undefined): Revocable {
  return { by, record: { kind: 'token', id, expiresAt } }
}
