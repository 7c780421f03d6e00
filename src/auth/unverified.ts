import { faults } from '../faults/index.js'
import { type Fingerprinter, identify, readCredential } from '../token/index.js'
import type { Authenticated, Refused } from './authenticator.js'

/**
 * Who a token says it comes from, on a resource that asks for none: enough to look it up in the revocation list, and good
 * for nothing else. A token that could be read in two ways is refused, as everywhere.
 */
export function unverifiedCaller(written: string, fingerprints: Fingerprinter): Authenticated | Refused {
  const credential = readCredential(written)
  if (credential.kind === 'refused') return { fault: faults.invalidCredentials, reason: credential.reason }
  const claims = credential.kind === 'jwt' ? credential.claims : {}
  const identity = identify(credential, claims, fingerprints)
  return { identity, scopes: NO_SCOPES, keyType: 'PRODUCTION', usableUntil: 0 }
}

const NO_SCOPES: ReadonlySet<string> = new Set()
