import { strictSegment } from './base64url.js'
import { type JsonObject, readObject } from './json.js'

/** A compact JWS (RFC 7515 §3.1) whose spelling is the only one of it. Nothing of it is verified yet. */
export interface CompactJwt {
  readonly kind: 'jwt'
  /** Its canonical spelling: the credential without padding. */
  readonly token: string
  readonly header: JsonObject
  readonly claims: JsonObject
  /** The third segment, without padding. */
  readonly signature: string
}

/** Whatever has not three parts: only its issuer can read it. */
export interface OpaqueToken {
  readonly kind: 'opaque'
  readonly token: string
}

/** A credential that can't be read, or not in one way only. `reason` is a short word for logs and metrics. */
export interface UnreadableCredential {
  readonly kind: 'refused'
  readonly reason: 'length' | 'charset' | 'base64url' | 'json'
}

export type Credential = CompactJwt | OpaqueToken

/** Longest credential that is read, in characters. */
export const MAX_CREDENTIAL_LENGTH = 65_536

/**
 * Reads what follows `Bearer`. Three dot-separated parts are a JWT and are held to one spelling: base64url that encodes
 * back to itself (right `=` padding is accepted and stripped), a header and claims that are JSON objects without
 * duplicate members, a signature that is not empty. Anything else of visible ASCII is opaque.
 */
export function readCredential(credential: string): Credential | UnreadableCredential {
  if (credential.length === 0 || credential.length > MAX_CREDENTIAL_LENGTH) return refused('length')
  if (!/^[\x21-\x7e]+$/.test(credential)) return refused('charset')
  const parts = credential.split('.', 4)
  if (parts.length !== 3) return { kind: 'opaque', token: credential }
  const [protectedHeader, payload, signature] = parts.map(strictSegment)
  if (protectedHeader === undefined || payload === undefined || signature === undefined) return refused('base64url')
  const header = readObject(protectedHeader)
  const claims = readObject(payload)
  if (header === undefined || claims === undefined) return refused('json')
  return { kind: 'jwt', token: `${protectedHeader}.${payload}.${signature}`, header, claims, signature }
}

function refused(reason: UnreadableCredential['reason']): UnreadableCredential {
  return { kind: 'refused', reason }
}
