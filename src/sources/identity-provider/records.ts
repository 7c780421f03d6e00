import {
  ALWAYS,
  type ClaimsRevocation,
  type IssuerRevocation,
  MAX_CLAIM_VALUE_LENGTH,
  type NameRevocation,
  type TokenRevocation,
} from '../../revocation/index.js'

/*
 * What identity providers say, as records. Each is about the tokens of one issuer: the one that is configured for the provider, never
 * one that a message names.
 */

/** Whether a value can name a session, a subject, a token or a client: a string of 1 to 1,024 characters. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_CLAIM_VALUE_LENGTH
}

/** The tokens of a session, whenever they were issued: a session that has ended does not begin again. */
export function sessionEnded(iss: string, sid: string): NameRevocation {
  return { kind: 'session', id: sid, iss, revokedBefore: ALWAYS, expiresAt: undefined }
}

/**
 * The tokens of a subject that were issued up to a moment, and in the whole of its second: `iat` has whole seconds, and one issued
 * just before the moment must not be spared.
 *
 * @param at seconds since 1970
 */
export function subjectEnded(iss: string, sub: string, at: number): NameRevocation {
  return { kind: 'subject', id: sub, iss, revokedBefore: afterSecond(at), expiresAt: undefined }
}

/**
 * The tokens that were issued to a client (`azp`) before a moment. A rule about that claim, since a client rule would also
 * find the client among the audiences of other clients' tokens.
 *
 * @param revokedBefore epoch ms
 */
export function clientEnded(iss: string, clientId: string, revokedBefore: number): ClaimsRevocation {
  return { kind: 'claims', claims: { azp: clientId }, iss, revokedBefore, expiresAt: undefined }
}

/** All tokens of the issuer that were issued before a moment (epoch ms). */
export function issuerEnded(iss: string, revokedBefore: number): IssuerRevocation {
  return { kind: 'issuer', iss, revokedBefore, expiresAt: undefined }
}

/** One token, by its `jti`. */
export function tokenEnded(iss: string, jti: string): TokenRevocation {
  return { kind: 'token', id: jti, iss, expiresAt: undefined }
}

/** Epoch ms: the end of a moment's second (seconds since 1970). */
export function afterSecond(at: number): number {
  return (Math.floor(at) + 1) * 1000
}
