import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { generateKeyPair, jwtVerify, SignJWT } from 'jose'
import t from 'tap'
import { type Credential, readCredential } from '../../src/token/credential.js'
import { equivalentSignatures } from '../../src/token/equivalent-signatures.js'
import { type Fingerprint, Fingerprinter, type FingerprintKind } from '../../src/token/fingerprint.js'
import { canonicalIds, identify, isExpiry, isNumericDate, type TokenIdentity } from '../../src/token/identity.js'

const fingerprints = Fingerprinter.random()
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const HEADER = encode({ alg: 'RS256' })
const SIGNATURE = Buffer.alloc(256, 7).toString('base64url')
const jwt = (claims: string, header = HEADER, signature = SIGNATURE) => `${header}.${claims}.${signature}`

t.test('the padding of old WSO2 versions is stripped and names the same token', async (t) => {
  const { privateKey, publicKey } = await generateKeyPair('RS256')
  const plain = await new SignJWT({ jti: 'a' }).setProtectedHeader({ alg: 'RS256', x5t: 'pad' }).sign(privateKey)
  const [header = '', payload = '', signature = ''] = plain.split('.')
  const padded = `${header}.${payload}.${signature}==`
  await jwtVerify(padded, publicKey)
  t.strictSame(identity(padded), identity(plain))
  t.equal(identity(padded).hash, createHash('sha256').update(plain).digest('hex').slice(0, 12))
})

t.test('every spelling of a token that verifies names the same token or is refused', async (t) => {
  for (const alg of ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA']) {
    const { privateKey, publicKey } = await generateKeyPair(alg)
    let verified = 0
    const token = await sign(privateKey, alg, alg === 'PS256' ? 0 : undefined)
    const [header = '', payload = '', signature = ''] = token.split('.')
    const listed = [...canonicalIds(token).ids, signature].map((id) => fingerprints.of('token', id))
    for (const spelling of respell(alg, signature)) {
      const credential = `${header}.${payload}.${spelling}`
      const verifies = await jwtVerify(credential, publicKey).then(
        () => true,
        () => false,
      )
      const read = readCredential(credential)
      if (read.kind === 'refused') continue
      t.equal(read.kind, 'jwt')
      if (!verifies) continue
      verified++
      const { ids } = identify(read as Credential, { jti: 'a' }, fingerprints)
      for (const one of listed) t.ok(ids.some(same(one)), `${alg}: the original is on the list`)
      for (const written of [credential, spelling]) {
        const names = canonicalIds(written).ids.map((id) => fingerprints.of('token', id))
        t.ok(
          names.some((name) => identity(token).ids.some(same(name))),
          `${alg}: the re-spelling is on the list`,
        )
      }
    }
    t.ok(verified >= (/^[EP]S/.test(alg) ? 2 : 1), `${alg}: ${verified} spellings are accepted`)
  }
})

t.test('a signature that a source writes with padding, or in base64, names the token, of an HMAC too', async (t) => {
  const token = identity(jwt(encode({}), encode({ alg: 'HS256' }), Buffer.alloc(32, 0xfb).toString('base64url')))
  const signature = Buffer.alloc(32, 0xfb).toString('base64')
  for (const written of [signature, signature.replace(/=$/, '')]) {
    const names = canonicalIds(written).ids.map((id) => fingerprints.of('token', id))
    t.ok(
      names.some((name) => token.ids.some(same(name))),
      written,
    )
  }
})

t.test('an RSA-PSS signature without its leading zeros names the token, whatever the length of the key', async (t) => {
  for (const length of [256, 257, 260, 384]) {
    const whole = Buffer.alloc(length, 7)
    whole[0] = 0
    const spellings = [whole, whole.subarray(1)].map((bytes) => bytes.toString('base64url'))
    const tokens = spellings.map((signature) => jwt(encode({}), encode({ alg: 'PS256' }), signature))
    for (const revoked of [...spellings, ...tokens]) {
      const names = canonicalIds(revoked).ids.map((id) => fingerprints.of('token', id))
      for (const token of tokens)
        t.ok(
          names.some((name) => identity(token).ids.some(same(name))),
          `${length} bytes`,
        )
    }
  }
})

t.test('a token is named by its jti, if it has one, and by its signature', async (t) => {
  const by = (claims: object) => identity(jwt(encode(claims))).ids.map((id) => id.by)
  t.strictSame(by({ jti: 'a' }), ['jti', 'signature'])
  t.strictSame(by({}), ['signature'])
  t.strictSame(by({ jti: '' }), ['signature'])
  t.strictSame(by({ jti: { a: 1 } }), ['signature'])
  t.strictSame(by({ jti: true }), ['signature'])
  t.ok(identity(jwt(encode({ jti: 4711 }))).ids.some(same(fingerprints.of('token', '4711'))), 'a number, in decimal')
  const opaque = identify({ kind: 'opaque', token: 'abc' }, { jti: 'a' }, fingerprints)
  t.strictSame(
    opaque.ids.map((id) => id.by),
    ['jti', 'token'],
  )
  t.strictSame(opaque.folded, identify({ kind: 'opaque', token: 'ABC=' }, {}, fingerprints).folded)
  t.strictSame(identity(jwt(encode({ jti: 'a' }))).folded, [], 'a JWT has no other spellings')
})

t.test('subject, session, client and issue time are read from the claims', async (t) => {
  const of = (kind: FingerprintKind, id: string) => fingerprints.of(kind, id)
  const claims = { sub: 'ann', sid: 's', aud: ['one', 'two'], azp: 'one', client_id: 'three', iat: 1_600_000_000.5 }
  const found = identity(jwt(encode({ ...claims, exp: 1_700_000_000 })))
  t.strictSame(found.subjects, [of('subject', 'ann')])
  t.strictSame(found.sessions, [of('session', 's')])
  const keycloak = [{ session_state: 's' }, { sid: 's', session_state: 's' }]
  for (const each of keycloak) t.strictSame(identity(jwt(encode(each))).sessions, [of('session', 's')])
  const two = identity(jwt(encode({ sid: 's', session_state: 't' })))
  t.strictSame(two.sessions, [of('session', 's'), of('session', 't')])
  t.strictSame(
    found.clients,
    ['one', 'two', 'three'].map((id) => of('client', id)),
  )
  t.equal(found.issuedAt, 1_600_000_000_500)
  t.equal(found.expiresAt, 1_700_000_000_000)
  const bare = identity(jwt(encode({ iat: 'soon' })))
  t.match(bare, { subjects: [], sessions: [], clients: [], issuedAt: 0, expiresAt: undefined })
  t.equal(identity(jwt(encode({ iat: 1_600_000_000_500 }))).issuedAt, 1_600_000_000_500, 'an iat in milliseconds')
})

t.test('a token with two sets of claims has the names of both, and the older issue time', async (t) => {
  const of = (kind: FingerprintKind, id: string) => fingerprints.of(kind, id)
  const own = { jti: 'a', sub: 'ann', sid: 's', consumerKey: 'app', iat: 1_600_000_001, exp: 1_700_000_000 }
  const introspected = { jti: 'b', sub: 'bob', sid: 't', client_id: 'other', iat: 1_600_000_000, exp: 1_800_000_000 }
  const found = identify({ kind: 'opaque', token: 'abc' }, own, fingerprints, 'aud', introspected)
  t.ok(['a', 'b', 'abc'].every((id) => found.ids.some(same(of('token', id)))))
  t.strictSame(found.subjects, [of('subject', 'ann'), of('subject', 'bob')])
  t.strictSame(found.sessions, [of('session', 's'), of('session', 't')])
  t.strictSame(found.clients, [of('client', 'other'), of('client', 'app')])
  t.equal(found.issuedAt, 1_600_000_000_000)
  t.equal(found.expiresAt, 1_700_000_000_000, 'the first set says when it ends')
})

t.test('the issuer’s own claim for the client is read, too', async (t) => {
  const claims = { tenant_app: 'one', azp: 'two' }
  const { clients } = identify({ kind: 'opaque', token: 'abc' }, claims, fingerprints, 'tenant_app')
  t.strictSame(clients, [fingerprints.of('client', 'one'), fingerprints.of('client', 'two')])
})

t.test('a time from 1e11 on is in milliseconds, and an expiry from 1e15 on means never', async (t) => {
  for (const [value, isDate, isEnd] of [
    [0, true, true],
    [1e11 - 1, true, true],
    [1e11, false, false],
    [1e15 - 1, false, false],
    [1e15, false, true],
    [2 ** 63, false, true],
    [Number.POSITIVE_INFINITY, false, false],
    [Number.NaN, false, false],
  ] as const) {
    t.strictSame([isNumericDate(value), isExpiry(value)], [isDate, isEnd], String(value))
  }
  t.equal(identity(jwt(encode({ iat: 1e11 }))).issuedAt, 1e11, 'what is no date in seconds is not made one')
  t.equal(identity(jwt(encode({ iat: 1e11 - 1 }))).issuedAt, (1e11 - 1) * 1000)
})

t.test('a signature that its algorithm cannot have has no equivalent', async (t) => {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const pair = (s: bigint, bytes = 32) =>
    Buffer.from(`${'11'.repeat(bytes)}${s.toString(16).padStart(2 * bytes, '0')}`, 'hex').toString('base64url')
  for (const signature of [pair(0n), pair(order), pair(order + 1n), pair(5n, 33)]) {
    t.strictSame(equivalentSignatures('ES256', signature), [signature])
  }
  t.strictSame(equivalentSignatures('ES256', pair(1n)), [pair(1n), pair(order - 1n)])
  for (const alg of [undefined, 'none', 'toString']) t.strictSame(equivalentSignatures(alg, pair(5n)), [pair(5n)])
  const zero = Buffer.alloc(256).toString('base64url')
  t.strictSame(equivalentSignatures('PS256', zero), [zero])
  t.strictSame(equivalentSignatures('RS256', SIGNATURE), [SIGNATURE])
})

t.test('an opaque token has the names that its revocation by another letter case or padding lists', async () => {
  const character = fc.constantFrom(...'aAbBzZ019-._~+/')
  const letter = fc.tuple(character, fc.boolean())
  fc.assert(
    fc.property(fc.array(letter, { minLength: 1 }), fc.nat(3), fc.nat(3), (letters, pad, otherPad) => {
      const token = letters.map(([c]) => c).join('') + '='.repeat(pad)
      const spelt = letters.map(([c, other]) => (other ? swapped(c) : c)).join('') + '='.repeat(otherPad)
      const { ids, folded } = identify({ kind: 'opaque', token: spelt }, {}, fingerprints)
      const listed = canonicalIds(token)
      const isListed = listed.ids.some((id) => ids.some(same(fingerprints.of('token', id))))
      return isListed || (listed.folded !== undefined && folded.some(same(fingerprints.of('token', listed.folded))))
    }),
  )
})

t.test('another letter case or padding of a jti is another jti, and of an opaque token’s jti, too', async (t) => {
  const spellings = ['Abc', 'aBC', 'abc', 'abc=']
  for (const revoked of spellings) {
    const { ids: listedIds, folded: listedFolded = '' } = canonicalIds(revoked)
    const listed = [...listedIds, listedFolded].map((id) => fingerprints.of('token', id))
    for (const jti of spellings) {
      for (const credential of [jwt(encode({ jti })), 'opaque']) {
        const read = readCredential(credential) as Credential
        const { ids, folded } = identify(read, { jti }, fingerprints)
        t.equal(
          [...ids, ...folded].some((id) => listed.some(same(id))),
          jti === revoked,
          `${revoked}, ${jti}`,
        )
      }
    }
  }
})

function swapped(letter: string): string {
  return letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()
}

t.test('an id from a source is listed under the names that its token has', async (t) => {
  const signature = Buffer.from(Array.from({ length: 256 }, (_, i) => 255 - i)).toString('base64url')
  const loose = (text: string) => `\u0000${text.toLowerCase()}`
  const unsigned = `${HEADER}.${encode({ jti: 'victim' })}.`
  const plainBase64 = Buffer.from(signature, 'base64url').toString('base64')
  const cases: [string, string, string[]][] = [
    ['a jti', '2f7c1a52-6a51-4a31-9d0e-3a0d3c1b7f55', ['2f7c1a52-6a51-4a31-9d0e-3a0d3c1b7f55']],
    ['a jti with two dots', 'urn.example.4711', ['urn.example.4711']],
    ['a short jti that looks like base64 with spare bits', 'user-abd', ['user-abd']],
    ['a whole JWT', jwt(encode({ jti: 'victim' }), HEADER, signature), [signature]],
    ['a whole JWT, padded and with a line end', `${jwt(encode({}), HEADER, plainBase64)}\n`, [signature]],
    ['a signature', signature, [signature, loose(signature)]],
    ['a signature, padded', `${signature}==`, [`${signature}==`, signature, loose(signature)]],
    ['a signature in plain base64', plainBase64, [plainBase64, signature, loose(plainBase64.replaceAll('=', ''))]],
    ['an id with white space', ' abc\n', [' abc\n', 'abc']],
    ['an unsigned JWT', unsigned, [unsigned, loose(unsigned)]],
    [
      'a lone signature with a character that base64 has not',
      `${signature}!`,
      [`${signature}!`, loose(`${signature}!`)],
    ],
    ['a jti of three parts, the first of them base64', 'YWJj.b.c', ['YWJj.b.c', loose('YWJj.b.c')]],
    ['a jti of four parts', `${HEADER}.a.b.c`, [`${HEADER}.a.b.c`, loose(`${HEADER}.a.b.c`)]],
    ['an opaque token in lower case', '8c1f-a', ['8c1f-a']],
    ['one with capital letters', '8C1f-A', ['8C1f-A', loose('8c1f-a')]],
    ['one that is padded', 'abc=', ['abc=', loose('abc')]],
    ['padding alone', '==', ['==', loose('')]],
    ['nothing', ' ', [' ']],
  ]
  for (const [title, id, names] of cases) {
    const { ids, folded } = canonicalIds(id)
    t.strictSame([...ids, ...(folded === undefined ? [] : [folded])], names, title)
  }
})

function identity(credential: string): TokenIdentity {
  const read = readCredential(credential)
  if (read.kind === 'refused') throw new Error(read.reason)
  return identify(read, read.kind === 'jwt' ? read.claims : {}, fingerprints)
}

function same(one: Fingerprint) {
  return (other: Fingerprint) => one.hi === other.hi && one.lo === other.lo
}

/** Signs until the signature's first byte is `start`, if given. */
async function sign(key: Parameters<SignJWT['sign']>[0], alg: string, start: number | undefined): Promise<string> {
  for (;;) {
    const token = await new SignJWT({ jti: 'a' }).setProtectedHeader({ alg }).sign(key)
    const signature = Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url')
    if (start === undefined || signature[0] === start) return token
  }
}

/** What somebody without the key can make of a signature segment. */
function respell(alg: string, signature: string): string[] {
  const bytes = Buffer.from(signature, 'base64url')
  const half = bytes.length / 2
  const last = signature.slice(0, -1)
  const spellings = [
    signature,
    signature.padEnd(Math.ceil(signature.length / 4) * 4, '='),
    bytes.toString('base64'),
    ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.split('').map((c) => last + c),
    `${signature.slice(0, 5)} ${signature.slice(5)}`,
    `${signature}=`,
    `${signature}====`,
  ]
  if (bytes[0] === 0) spellings.push(bytes.subarray(1).toString('base64url'))
  const orders: Record<string, bigint> = {
    ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    ES384: BigInt(`0x${'f'.repeat(48)}c7634d81f4372ddf581a0db248b0a77aecec196accc52973`),
    ES512: BigInt(`0x1${'f'.repeat(64)}fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409`),
  }
  const order = orders[alg]
  if (order === undefined) return spellings
  const negated = order - BigInt(`0x${bytes.toString('hex', half)}`)
  const tail = Buffer.from(negated.toString(16).padStart(bytes.length, '0'), 'hex')
  return [...spellings, Buffer.concat([bytes.subarray(0, half), tail]).toString('base64url')]
}

t.test('a number and the string of its digits are one name', async (t) => {
  const named = (jti: unknown) => identify({ kind: 'opaque', token: 'o' }, { jti }, fingerprints).ids[0]
  for (const number of [7, -7, 0, 1.5, 1e20, Number.MAX_SAFE_INTEGER]) {
    t.strictSame(named(number), named(String(number)), String(number))
  }
  t.strictSame(named(1e21), named(`1${'0'.repeat(21)}`))
})
