import type { RevocationRecord } from '../../revocation/index.js'
import { afterSecond, isName, sessionEnded, subjectEnded, tokenEnded } from '../identity-provider/index.js'
import type { Ended } from './interpret.js'
import { SetError } from './set-error.js'

/**
 * The records by which what ended is revoked, of one issuer alone. Throws {@link SetError} for a name that no record can have.
 *
 * @param emailClaim the claim that has a user's address
 */
export function recordsOf({ who, at }: Ended, iss: string, emailClaim = 'email'): readonly RevocationRecord[] {
  switch (who.kind) {
    case 'user':
      return [subjectEnded(iss, usable(who.sub), at)]
    case 'session':
      return [sessionEnded(iss, usable(who.sid))]
    case 'session or user':
      return [sessionEnded(iss, usable(who.id)), subjectEnded(iss, who.id, at)]
    case 'token':
      return [tokenEnded(iss, usable(who.jti))]
    case 'email':
      // The transmitter may write an address in another case than the tokens have it in (RFC 9493 §3.2.2).
      return [...new Set([usable(who.email), who.email.toLowerCase()])].map((email) => ({
        kind: 'claims',
        claims: { [emailClaim]: email },
        iss,
        revokedBefore: afterSecond(at),
        expiresAt: undefined,
      }))
  }
}

function usable(name: string): string {
  if (isName(name)) return name
  throw new SetError('invalid_request', 'too-long', 'a name in the subject is too long')
}
