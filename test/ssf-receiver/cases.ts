import { randomUUID } from 'node:crypto'
import { base64url, type Json, newSet, newSigningKey, type SigningKey, signed, signedByPublicKey } from './signing.js'

/** To whom SETs are sent, and whose users, sessions and tokens they are about. */
export interface Receiver {
  readonly issuer: string
  readonly audience: string
  readonly key: SigningKey
  /** The issuer of the receiver's users: mostly the transmitter itself. */
  readonly subjectIssuer: string
  /** Of the SET; by default another each time. */
  readonly jti?: string
}

/**
 * A SET, and what a receiver is to do with it: take it, or refuse it with one of these codes (RFC 8935 §2.4). Which code it is
 * matters less than that it is refused.
 */
export interface SetCase {
  readonly name: string
  readonly takes: boolean
  readonly errors?: readonly string[]
  /** One that may pass later: a receiver that polls may also leave it where it is, and one that is pushed to answer 503. */
  readonly mayWait?: boolean
  set(to: Receiver): string
}

const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/'
const RISC = 'https://schemas.openid.net/secevent/risc/event-type/'
const REVOKED = { [`${CAEP}session-revoked`]: {} }
const INVALID = ['invalid_request']
const KEY = ['invalid_key', 'authentication_failed', 'invalid_request']

const user = ({ subjectIssuer: iss }: Receiver, sub = randomUUID()) => ({ format: 'iss_sub', iss, sub })
const session = (id: string = randomUUID()) => ({ format: 'opaque', id })
const complex = (members: Json) => ({ format: 'complex', ...members })
const now = () => Math.floor(Date.now() / 1000)

function good(name: string, claims: (to: Receiver) => Json, header: Json = {}): SetCase {
  return {
    name,
    takes: true,
    set: (to) => newSet(to, { sub_id: user(to), events: REVOKED, ...claims(to) }, header),
  }
}

function bad(name: string, errors: readonly string[], claims: (to: Receiver) => Json, header: Json = {}): SetCase {
  return { ...good(name, claims, header), takes: false, errors }
}

/** A SET that is written by hand. */
function forged(name: string, errors: readonly string[], set: SetCase['set']): SetCase {
  return { name, takes: false, errors, set }
}

const header = (to: Receiver, more: Json = {}) => ({ alg: 'RS256', typ: 'secevent+jwt', kid: to.key.kid, ...more })
const claims = (to: Receiver, more: Json = {}) => ({
  iss: to.issuer,
  aud: to.audience,
  iat: now(),
  jti: to.jti ?? randomUUID(),
  sub_id: user(to),
  events: REVOKED,
  ...more,
})

function waiting(one: SetCase): SetCase {
  return { ...one, mayWait: true }
}

/** What every receiver must take. */
export const GOOD: readonly SetCase[] = [
  good('a user', () => ({})),
  good('a user and a session', (to) => ({ sub_id: complex({ user: user(to), session: session() }) })),
  good('all sessions of a user, as Keycloak says it', (to) => ({
    sub_id: complex({ user: user(to), session: session('ALL') }),
  })),
  good('an audience among several', (to) => ({ aud: ['https://else.example.com', to.audience] })),
  good('typ in another case', () => ({}), { typ: 'SecEvent+JWT' }),
  good('typ with application/', () => ({}), { typ: 'application/secevent+jwt' }),
  good('claims that nobody knows', () => ({ txn: randomUUID(), toe: now(), cnf: { jkt: 'x' } })),
  good('an event that nobody knows', () => ({ events: { 'https://example.com/event': { a: 1 } } })),
  good('members of an event that nobody knows', () => ({
    events: { [`${CAEP}session-revoked`]: { reason_admin: { en: 'x' } } },
  })),
  good('a disabled account', () => ({ events: { [`${RISC}account-disabled`]: { reason: 'hijacking' } } })),
  good('event_timestamp', () => ({ events: { [`${CAEP}session-revoked`]: { event_timestamp: now() - 5 } } })),
]

/** What no receiver may take, and the codes that it may give. */
export const BAD: readonly SetCase[] = [
  forged('not a JWS', INVALID, () => 'not.a.jws'),
  forged('nothing', INVALID, () => ''),
  forged('alg none', KEY, (to) => `${base64url(header(to, { alg: 'none' }))}.${base64url(claims(to))}.`),
  forged('alg none, with a signature', KEY, (to) => signed(header(to, { alg: 'none' }), claims(to), to.key)),
  forged('an HMAC with the public key', KEY, (to) =>
    signedByPublicKey(header(to, { alg: 'HS256' }), claims(to), to.key),
  ),
  forged('another key under a known kid', KEY, (to) => signed(header(to), claims(to), newSigningKey(to.key.kid))),
  waiting(
    forged('an unknown kid', KEY, (to) => {
      const key = newSigningKey()
      return signed(header(to, { kid: key.kid }), claims(to), key)
    }),
  ),
  forged('a key in the header', KEY, (to) => {
    const key = newSigningKey()
    return signed(header(to, { kid: undefined, jwk: key.jwk }), claims(to), key)
  }),
  forged('another payload under a signature', KEY, (to) => {
    const [head, , signature] = newSet(to, claims(to)).split('.')
    return `${head}.${base64url(claims(to))}.${signature}`
  }),
  forged('a critical extension', INVALID.concat(KEY), (to) =>
    signed(header(to, { crit: ['b64'], b64: true }), claims(to), to.key),
  ),
  forged('a member twice', INVALID, (to) => {
    const text = JSON.stringify(claims(to))
    return signed(header(to), `${text.slice(0, -1)},"iss":${JSON.stringify(to.issuer)}}`, to.key)
  }),
  forged('spare bits in the signature', INVALID.concat(KEY), (to) => respelt(newSet(to, claims(to)))),
  bad('no typ', INVALID, () => ({}), { typ: undefined }),
  bad('typ JWT', INVALID, () => ({}), { typ: 'JWT' }),
  bad('typ of an access token', INVALID, () => ({ exp: now() + 60, sub: 'alice' }), { typ: 'at+jwt' }),
  bad('typ of a logout token', INVALID, () => ({}), { typ: 'logout+jwt' }),
  bad('an access token as a SET', INVALID, () => ({
    exp: now() + 60,
    sub: 'alice',
    sub_id: undefined,
    events: undefined,
  })),
  bad('another issuer', ['invalid_issuer'], (to) => ({ iss: `${to.issuer}-2` })),
  bad('another stream’s audience', ['invalid_audience'], () => ({ aud: 'https://else.example.com' })),
  bad('no audience', ['invalid_audience', 'invalid_request'], () => ({ aud: undefined })),
  bad('exp', INVALID, () => ({ exp: now() + 60 })),
  bad('sub', INVALID, () => ({ sub: 'alice' })),
  bad('no sub_id', INVALID, () => ({ sub_id: undefined })),
  bad('no jti', INVALID, () => ({ jti: undefined })),
  bad('no iat', INVALID, () => ({ iat: undefined })),
  waiting(bad('iat in a day', INVALID, () => ({ iat: now() + 86_400 }))),
  bad('no events', INVALID, () => ({ events: {} })),
  bad('a thousand events', INVALID, () => ({
    events: Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`https://example.com/event/${i}`, {}])),
  })),
  bad('a user of another issuer', INVALID, (to) => ({ sub_id: { ...user(to), iss: 'https://else.example.com' } })),
  bad('a session in a format that cannot be found', INVALID, (to) => ({
    sub_id: complex({ user: user(to), session: { format: 'uri', uri: 'https://example.com/s/1' } }),
  })),
  bad('a user at one application', INVALID, (to) => ({ sub_id: complex({ user: user(to), application: session() }) })),
  bad('a user on one device', INVALID, (to) => ({ sub_id: complex({ user: user(to), device: session() }) })),
]

/** The same signature with spare bits set in its last character: a decoder reads the same bytes. */
function respelt(jws: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(jws.slice(-1))
  return jws.slice(0, -1) + alphabet.charAt(last ^ 1)
}
