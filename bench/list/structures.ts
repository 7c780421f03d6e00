import { RevocationList } from '../../src/revocation/revocation-list.js'
import { Fingerprinter } from '../../src/token/fingerprint.js'
import { identify, type TokenIdentity } from '../../src/token/identity.js'

/** When tokens are revoked, and until when they are, epoch ms. */
export const NOW = Date.UTC(2026, 0, 1)
const EXPIRES_AT = NOW + 86_400_000

/** Something that remembers revoked ids. A probe is what a request has in its hand when it asks. */
export interface Structure<Probe> {
  insert(id: string): void
  /** Made once a token, when it is verified. */
  probe(id: string): Probe
  has(probe: Probe): boolean
  /** Bytes of memory off the JavaScript heap. */
  readonly bytes: number
}

const fingerprints = Fingerprinter.random()

export function listOfTokens(): Structure<TokenIdentity> {
  const list = new RevocationList({ fingerprints, retention: 30 * 86_400_000 })
  return {
    insert: (id) => list.add({ kind: 'token', id, expiresAt: EXPIRES_AT }, 'topic', NOW),
    probe: (id) => identify({ kind: 'opaque', token: id }, {}, fingerprints),
    has: (identity) => list.find(identity) !== undefined,
    get bytes() {
      return list.bytes
    },
  }
}

export function listOfRules(): Structure<TokenIdentity> {
  const list = new RevocationList({ fingerprints, retention: 30 * 86_400_000 })
  const claims = (sub: string) => ({ sub, iat: NOW / 1000 - 1 })
  return {
    insert: (id) => list.add({ kind: 'subject', id, revokedBefore: NOW, expiresAt: undefined }, 'topic', NOW),
    probe: (id) => identify({ kind: 'opaque', token: 'x' }, claims(id), fingerprints),
    has: (identity) => list.find(identity) !== undefined,
    get bytes() {
      return list.bytes
    },
  }
}

const ISSUER = 'https://issuer.example'

/** Every kind of record, as many of each; what is timed is the whole check of a token that has all names and is not revoked. */
export function listOfEverything(): Structure<TokenIdentity> {
  const list = new RevocationList({ fingerprints, retention: 30 * 86_400_000 })
  const rule = { revokedBefore: NOW, expiresAt: undefined }
  let inserted = 0
  const insert = (id: string) => {
    const iss = inserted % 2 === 0 ? {} : { iss: ISSUER }
    const kind = (['token', 'subject', 'client', 'session', 'claims'] as const)[(inserted++ >> 1) % 5]
    if (kind === 'token') list.add({ kind, id, ...iss, expiresAt: EXPIRES_AT }, 'topic', NOW)
    else if (kind === 'claims') list.add({ kind, claims: { tenant: id }, ...iss, ...rule }, 'topic', NOW)
    else if (kind !== undefined) list.add({ kind, id, ...iss, ...rule }, 'topic', NOW)
  }
  const named = (id: string) => ({ iss: ISSUER, jti: id, sub: id, azp: id, client_id: `${id}-2`, sid: id, tenant: id })
  return {
    insert,
    probe: (id) => identify({ kind: 'opaque', token: id }, { ...named(id), iat: NOW / 1000 - 1 }, fingerprints),
    has: (identity) => list.find(identity) !== undefined,
    get bytes() {
      return list.bytes
    },
  }
}

export function mapOfExpiries(): Structure<string> {
  const map = new Map<string, number>()
  const hashed = new Map<string, number>()
  return {
    insert: (id) => map.set(id, EXPIRES_AT),
    // A string keeps its hash once it was computed, as a token's claims do that are cached.
    probe(id) {
      hashed.get(id)
      return id
    },
    has: (id) => (map.get(id) ?? 0) > NOW,
    bytes: 0,
  }
}
