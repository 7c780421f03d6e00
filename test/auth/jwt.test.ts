import { generateKeyPairSync } from 'node:crypto'
import { errors, generateKeyPair, type JWTHeaderParameters } from 'jose'
import t from 'tap'
import { type Authenticated, isRefused } from '../../src/auth/authenticator.js'
import type { JwtAuthenticator } from '../../src/auth/jwt.js'
import { FixedKey, SharedSecret, type VerificationKeys } from '../../src/auth/verification-keys.js'
import { Secret } from '../../src/config/secret.js'
import { faults } from '../../src/faults/index.js'
import {
  authenticator,
  CLAIMS,
  ec,
  fingerprints,
  fixedKey,
  foundByRule,
  hmacRaw,
  ISSUER,
  issuer,
  NOW,
  reasonOf,
  rsa,
  signed,
  signedRaw,
} from './tokens.js'

async function accepted(auth: JwtAuthenticator, token: string, now = NOW): Promise<Authenticated> {
  const outcome = await auth.authenticate(token, now)
  if (isRefused(outcome)) throw new Error(`refused: ${outcome.reason}`)
  return outcome
}

const jti = (id: string) => fingerprints.of('token', id)

t.test('every asymmetric algorithm is accepted', async (t) => {
  for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']) {
    const { privateKey, publicKey } = await generateKeyPair(alg)
    const auth = authenticator([issuer({ keys: fixedKey(publicKey) })])
    t.equal(await reasonOf(auth.authenticate(await signed(CLAIMS, { alg }, privateKey), NOW)), 'accepted', alg)
  }
})

t.test('a token that was verified is answered at once, until it expires or the cache’s time is over', async (t) => {
  const auth = authenticator([issuer()], { cacheExpiryTime: 10_000 })
  const token = await signed()
  const first = await accepted(auth, token)
  t.equal(auth.authenticate(token, NOW + 9_999), first, 'the same object, and no promise')
  t.ok(auth.authenticate(token, NOW + 10_000) instanceof Promise)
  const dying = await signed({ ...CLAIMS, exp: NOW / 1000 + 1 })
  await accepted(auth, dying)
  t.notOk(auth.authenticate(dying, NOW + 5_999) instanceof Promise, 'the skew included')
  t.equal(await reasonOf(auth.authenticate(dying, NOW + 6_000)), 'expired')
})

t.test(
  'what an issuer signed is its own, whatever it says of its times and audience; what it did not sign is not',
  async (t) => {
    const secret = 'a secret of more than thirty-two bytes'
    const auth = authenticator([
      issuer({ audience: ['gateway'] }),
      issuer({ issuer: 'https://hmac.example', keys: new SharedSecret(new Secret(secret), 'https://hmac.example') }),
    ])
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string
    const cases: readonly [title: string, token: string, isIssued: boolean][] = [
      ['good', await signed(), true],
      ['expired', await signed({ ...CLAIMS, exp: 1 }), true],
      ['not yet valid', await signed({ ...CLAIMS, nbf: NOW / 1000 + 900 }), true],
      ['issued in the future', await signed({ ...CLAIMS, iat: NOW / 1000 + 900 }), true],
      ['of another audience', await signed({ ...CLAIMS, aud: 'other' }), true],
      ['by a shared secret', hmacRaw(secret, { ...CLAIMS, iss: 'https://hmac.example', exp: 1 }), true],
      ['with the public key for its secret', hmacRaw(pem), false],
      ['by a stranger', await signed(CLAIMS, { alg: 'RS256' }, stranger), false],
      ['of no configured issuer', await signed({ ...CLAIMS, iss: 'https://other.example' }), false],
      ['a logout token', await signed(CLAIMS, { alg: 'RS256', typ: 'logout+jwt' }), false],
      ['opaque', 'opaque', false],
    ]
    for (const [title, token, isIssued] of cases) t.equal(await auth.isIssued(token), isIssued, title)
  },
)

t.test('whether an issuer signed by a key that it does not publish is not known, until it publishes it', async (t) => {
  let published = false
  let renewals = 0
  const keys: VerificationKeys = {
    async key() {
      if (!published) throw new errors.JWKSNoMatchingKey()
      return rsa.publicKey
    },
    async renewed() {
      if (++renewals === 2) published = true
    },
  }
  const auth = authenticator([issuer({ keys })])
  const token = await signed()
  t.equal(await auth.isIssued(token), undefined)
  t.equal(await auth.isIssued(token), true)
  published = false
  keys.renewed = () => Promise.reject(new Error('not fetched'))
  await t.rejects(auth.isIssued(token), { message: 'not fetched' })
})

t.test('exp and nbf hold within the skew', async (t) => {
  const auth = authenticator([issuer()])
  const seconds = NOW / 1000
  const cases: [object, string][] = [
    [{ exp: seconds - 4 }, 'accepted'],
    [{ exp: seconds - 5 }, 'expired'],
    [{ nbf: seconds + 5 }, 'accepted'],
    [{ nbf: seconds + 6 }, 'claims'],
    [{ exp: undefined }, 'claims'],
    [{ exp: String(seconds + 60) }, 'claims'],
    [{ nbf: 'now' }, 'claims'],
  ]
  for (const [claims, reason] of cases) {
    const token = await signed({ ...CLAIMS, ...claims })
    t.equal(await reasonOf(auth.authenticate(token, NOW)), reason, JSON.stringify(claims))
  }
})

t.test('tokens of WSO2’s forms are accepted', async (t) => {
  const auth = authenticator([issuer()])
  const payload = JSON.stringify({ ...CLAIMS, keytype: 'SANDBOX', scope: 'read write' })
  const forms: [string, string][] = [
    ['x5t and a kid with _RS256', signedRaw('{"x5t":"TXpZ","kid":"TXpZ_RS256","alg":"RS256"}', payload)],
    ['padded segments', signedRaw('{"typ":"JWT","alg":"RS256","x5t":"TlRB"} ', payload, true)],
    ['padding of one', signedRaw('{"typ":"JWT","alg":"RS256","x5t":"TlRB"}', `${payload} `, true)],
    [
      'escaped slashes',
      signedRaw('{"alg":"RS256"}', JSON.stringify({ ...CLAIMS, aud: 'http:##org' }).replace(/#/g, '\\/')),
    ],
  ]
  for (const [title, token] of forms) t.equal(await reasonOf(auth.authenticate(token, NOW)), 'accepted', title)
  t.ok(forms[1]?.[1].includes('=.') && forms[1][1].endsWith('='), 'the form is padded within, and at its end')
  const { keyType, scopes } = await accepted(auth, forms[1]?.[1] ?? '')
  t.strictSame([keyType, [...scopes]], ['SANDBOX', ['read', 'write']])
  const unpadded = (forms[1]?.[1] ?? '').replaceAll('=', '')
  t.equal(await reasonOf(auth.authenticate(unpadded, NOW)), 'signature', 'what was signed has its padding')
  const end = (forms[1]?.[1] ?? '').replace(/=+$/, '')
  t.strictSame((await accepted(auth, end)).identity, (await accepted(auth, forms[1]?.[1] ?? '')).identity)
})

t.test('a token that is malformed or forged is refused', async (t) => {
  const auth = authenticator([issuer()])
  const good = await signed()
  const [head = '', body = '', signature = ''] = good.split('.')
  const text = JSON.stringify(CLAIMS)
  const none = (alg: string) => `${Buffer.from(JSON.stringify({ alg })).toString('base64url')}.${body}`
  const publicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const flipped = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
  const altered = Buffer.from(JSON.stringify({ ...CLAIMS, sub: 'admin' })).toString('base64url')
  const cases: [string, string, string][] = [
    ['another key', await signed(CLAIMS, { alg: 'RS256' }, other.privateKey), 'signature'],
    ['another payload', `${head}.${altered}.${signature}`, 'signature'],
    ['another signature', `${head}.${body}.${flipped}`, 'signature'],
    ['a signature cut short', `${head}.${body}.${signature.slice(0, -6)}`, 'signature'],
    ['an HMAC with the public key', hmacRaw(publicPem), 'algorithm'],
    ['no algorithm, no signature', `${none('none')}.`, 'malformed'],
    ['no algorithm, a signature', `${none('none')}.${signature}`, 'malformed'],
    ['nOnE', `${none('nOnE')}.${signature}`, 'malformed'],
    ['an unknown algorithm', `${none('RS1')}.${signature}`, 'algorithm'],
    ['an algorithm that is no text', signedRaw('{"alg":["RS256"]}', text), 'malformed'],
    ['no algorithm at all', signedRaw('{}', text), 'malformed'],
    ['an unknown critical header', signedRaw('{"alg":"RS256","crit":["x"],"x":1}', text), 'malformed'],
    ['an empty crit', signedRaw('{"alg":"RS256","crit":[]}', text), 'malformed'],
    [
      'the critical header b64, to no effect',
      signedRaw('{"alg":"RS256","crit":["b64"],"b64":true}', text),
      'malformed',
    ],
    ['an unencoded payload', signedRaw('{"alg":"RS256","crit":["b64"],"b64":false}', text), 'malformed'],
    ['a nested JWT by its cty', signedRaw('{"alg":"RS256","cty":"JWT"}', text), 'malformed'],
    ['the same by its media type', signedRaw('{"alg":"RS256","cty":"application/jwt"}', text), 'malformed'],
    ['a nested JWT', signedRaw('{"alg":"RS256"}', good), 'malformed'],
    ['an algorithm twice', signedRaw('{"alg":"RS256","alg":"RS256"}', text), 'malformed'],
    ['a claim twice', signedRaw('{"alg":"RS256"}', text.replace('{', '{"sub":"admin",')), 'malformed'],
    ['a payload that is no object', signedRaw('{"alg":"RS256"}', '[]'), 'malformed'],
    ['another issuer', await signed({ ...CLAIMS, iss: 'https://other.example' }), 'issuer'],
    ['an issuer with a slash more', await signed({ ...CLAIMS, iss: `${ISSUER}/` }), 'issuer'],
    ['no issuer', await signed({ ...CLAIMS, iss: undefined }), 'issuer'],
    ['issuers', await signed({ ...CLAIMS, iss: [ISSUER] as unknown as string }), 'claims'],
    [
      'a key of its own',
      signedRaw(JSON.stringify({ alg: 'RS256', jwk: ec.publicKey.export({ format: 'jwk' }) }), text),
      'accepted',
    ],
    ['padding that was not signed', `${head}=.${body}.${signature}`, 'malformed'],
    [
      'spare bits',
      `${head}.${body}.${signature.slice(0, -1)}${signature.endsWith('A') ? 'B' : `${String.fromCharCode(signature.charCodeAt(signature.length - 1) + 1)}`}`,
      'malformed',
    ],
    ['four parts', `${good}.x`, 'opaque'],
    ['an encrypted token', `${good}.AAAA.AAAA`, 'opaque'],
    ['an encrypted token with a segment that no encoder writes', `${good}.AAAA.x`, 'malformed'],
    ['a random string', '8c1f0d7e-0000', 'opaque'],
  ]
  for (const [title, token, reason] of cases) {
    const outcome = await auth.authenticate(token, NOW)
    t.equal(isRefused(outcome) ? outcome.reason : 'accepted', reason, title)
    if (isRefused(outcome)) t.equal(outcome.fault, faults.invalidCredentials, title)
  }
})

t.test('a key that the token brings along verifies nothing', async (t) => {
  const own = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const header = { alg: 'RS256', jwk: own.publicKey.export({ format: 'jwk' }) } as JWTHeaderParameters
  const token = await signed(CLAIMS, header, own.privateKey)
  t.equal(await reasonOf(authenticator([issuer()]).authenticate(token, NOW)), 'signature')
})

t.test('a token may have 64 KB, and no more', async (t) => {
  const auth = authenticator([issuer()])
  const room = 48_600
  t.equal(await reasonOf(auth.authenticate(await signed({ ...CLAIMS, x: 'a'.repeat(room - 100) }), NOW)), 'accepted')
  t.equal(await reasonOf(auth.authenticate(await signed({ ...CLAIMS, x: 'a'.repeat(room + 600) }), NOW)), 'malformed')
})

t.test('explicit types: at+jwt and JWT are access tokens, others of their kind are not', async (t) => {
  const loose = authenticator([issuer()])
  const strict = authenticator([issuer({ requireAccessTokenType: true })])
  const cases: [string | undefined, string, string][] = [
    ['at+jwt', 'accepted', 'accepted'],
    ['application/at+jwt', 'accepted', 'accepted'],
    ['AT+JWT', 'accepted', 'accepted'],
    ['JWT', 'accepted', 'claims'],
    [undefined, 'accepted', 'claims'],
    ['logout+jwt', 'malformed', 'malformed'],
    ['application/dpop+jwt', 'malformed', 'malformed'],
    ['secevent+JWT', 'malformed', 'malformed'],
  ]
  for (const [typ, ofLoose, ofStrict] of cases) {
    const token = await signed(CLAIMS, typ === undefined ? { alg: 'RS256' } : { alg: 'RS256', typ })
    t.equal(await reasonOf(loose.authenticate(token, NOW)), ofLoose, `${typ}`)
    t.equal(await reasonOf(strict.authenticate(token, NOW)), ofStrict, `${typ}, strictly`)
  }
})

t.test('an audience is demanded where one is configured', async (t) => {
  const auth = authenticator([issuer({ audience: ['a', 'b'] })])
  const cases: [unknown, string][] = [
    ['a', 'accepted'],
    [['x', 'b'], 'accepted'],
    ['x', 'claims'],
    [undefined, 'claims'],
    [{ a: 'a' }, 'claims'],
  ]
  for (const [aud, reason] of cases)
    t.equal(await reasonOf(auth.authenticate(await signed({ ...CLAIMS, aud }), NOW)), reason, JSON.stringify(aud))
})

t.test('one issuer may be configured several times: the first that accepts the token decides', async (t) => {
  const auth = authenticator([
    issuer({ audience: ['a'], consumerKeyClaim: 'first' }),
    issuer({ keys: new FixedKey(ec.publicKey), audience: ['a', 'b'], consumerKeyClaim: 'second' }),
  ])
  const claims = { ...CLAIMS, first: 'client-1', second: 'client-2' }
  const byRsa = await accepted(auth, await signed({ ...claims, aud: 'a' }))
  t.ok(byRsa.identity.clients.some((id) => id.lo === fingerprints.of('client', 'client-1').lo))
  const byEc = await accepted(auth, await signed({ ...claims, aud: 'a' }, { alg: 'ES256' }, ec.privateKey))
  t.ok(byEc.identity.clients.some((id) => id.lo === fingerprints.of('client', 'client-2').lo))
  t.equal(await reasonOf(auth.authenticate(await signed({ ...claims, aud: 'b' }), NOW)), 'claims', 'it is the issuer’s')
})

t.test('a token that the other issuers refuse is not refused while the keys of one are unavailable', async (t) => {
  const unavailable = { key: async () => Promise.reject(new Error('no keys')) }
  const auth = authenticator([issuer({ keys: unavailable }), issuer({ keys: new FixedKey(rsa.publicKey) })])
  t.equal(await reasonOf(auth.authenticate(await signed(), NOW)), 'accepted')
  const other = await signed(CLAIMS, { alg: 'ES256' }, ec.privateKey)
  await t.rejects(auth.authenticate(other, NOW) as Promise<unknown>, { message: 'no keys' })
})

t.test('a shared secret verifies HMACs that it is long enough for, and nothing else', async (t) => {
  const secret = 'a secret that has 48 bytes is enough for HS384!!'
  const key = new TextEncoder().encode(secret)
  const auth = authenticator([issuer({ keys: new SharedSecret(new Secret(secret), 'https://issuer.example') })])
  const sign = (alg: string) => signed(CLAIMS, { alg }, key)
  t.equal(await reasonOf(auth.authenticate(await sign('HS256'), NOW)), 'accepted')
  t.equal(await reasonOf(auth.authenticate(await sign('HS384'), NOW)), 'accepted')
  const long = await signed(CLAIMS, { alg: 'HS512' }, Buffer.alloc(64, 1))
  t.equal(await reasonOf(auth.authenticate(long, NOW)), 'algorithm')
  t.equal(await reasonOf(auth.authenticate(await signed(), NOW)), 'algorithm', 'RS256')
  t.equal(await reasonOf(auth.authenticate(hmacRaw('another'), NOW)), 'signature')
  t.throws(() => new SharedSecret(new Secret('x'.repeat(31)), 'https://issuer.example'), {
    code: 'ERR_SHARED_SECRET_TOO_SHORT',
    message: /^jwtTokenConfig\.sharedSecret of https:\/\/issuer\.example must have at least 32 bytes$/,
  })
})

t.test('mapped claims are read by the gateway’s names', async (t) => {
  const claims = [
    { remoteClaim: 'permissions', localClaim: 'scope' },
    { remoteClaim: 'env', localClaim: 'keytype' },
    { remoteClaim: 'app', localClaim: 'consumerKey' },
    { remoteClaim: 'uti', localClaim: 'jti' },
    { remoteClaim: 'absent', localClaim: 'sub' },
    { remoteClaim: 'x', localClaim: '__proto__' },
  ]
  const auth = authenticator([issuer({ claims })])
  const token = await signed({
    ...CLAIMS,
    scope: 'own',
    permissions: ['read'],
    env: 'SANDBOX',
    app: 'app-1',
    uti: 'uti-1',
    x: {},
  })
  const { scopes, keyType, identity } = await accepted(auth, token)
  t.strictSame([[...scopes], keyType], [['read'], 'SANDBOX'])
  t.ok(identity.clients.some((id) => id.lo === fingerprints.of('client', 'app-1').lo))
  t.strictSame(identity.subjects, [fingerprints.of('subject', 'alice')], 'a claim that is not there maps to nothing')
  for (const id of ['uti-1', 'jti-1'])
    t.ok(
      identity.ids.some((one) => one.by === 'jti' && one.lo === jti(id).lo),
      `revoked by ${id}`,
    )
})

t.test('a claim that another is mapped onto still names the token, for rules', async (t) => {
  const claims = [
    { remoteClaim: 'uid', localClaim: 'sub' },
    { remoteClaim: 'app', localClaim: 'azp' },
    { remoteClaim: 'login', localClaim: 'sid' },
  ]
  const names = { uid: 'u-1', azp: 'own-azp', app: 'app-1', sid: 'own-sid', login: 'login-1' }
  const { identity } = await accepted(authenticator([issuer({ claims })]), await signed({ ...CLAIMS, ...names }))
  const rules = [
    ['subject', 'u-1'],
    ['subject', 'alice'],
    ['client', 'app-1'],
    ['client', 'own-azp'],
    ['session', 'login-1'],
    ['session', 'own-sid'],
  ] as const
  for (const [kind, id] of rules) t.equal(foundByRule(identity, kind, id), kind, `${kind} ${id}`)
  t.equal(foundByRule(identity, 'subject', 'bob'), undefined)
})

t.test('no claim can be mapped to one that decides whether a token is accepted', async (t) => {
  for (const localClaim of ['iss', 'aud', 'exp', 'nbf', 'iat']) {
    const make = () => authenticator([issuer({ claims: [{ remoteClaim: 'x', localClaim }] })])
    t.throws(make, { code: 'ERR_CLAIM_MAPPING' }, localClaim)
  }
})

t.test('a verification is not cached if its key is dropped meanwhile', async (t) => {
  let give: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    give = resolve
  })
  const auth = authenticator([issuer({ keys: { key: () => held.then(() => rsa.publicKey) } })])
  const token = await signed()
  const outcome = auth.authenticate(token, NOW)
  auth.forgetVerified()
  give()
  t.equal(await reasonOf(outcome), 'accepted')
  t.equal(auth.known(token, NOW), undefined)
  await accepted(auth, token)
  t.not(auth.known(token, NOW), undefined)
  auth.forgetVerified()
  t.equal(auth.known(token, NOW), undefined)
})

t.test('requests that come at once with a token verify it once', async (t) => {
  let asked = 0
  let give: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    give = resolve
  })
  const key = async () => {
    asked++
    await held
    return rsa.publicKey
  }
  const auth = authenticator([issuer({ keys: { key } })])
  const [token, forged] = [await signed(), `${(await signed()).slice(0, -6)}AAAAAA`]
  const first = Array.from({ length: 20 }, () => auth.authenticate(token, NOW))
  auth.forgetVerified()
  const second = Array.from({ length: 20 }, () => auth.authenticate(token, NOW))
  const refused = Array.from({ length: 20 }, () => auth.authenticate(forged, NOW))
  give()
  for (const outcome of [...first, ...second]) t.equal(await reasonOf(outcome), 'accepted')
  for (const outcome of refused) t.equal(await reasonOf(outcome), 'signature')
  t.equal(asked, 3, 'again after keys were dropped')
  t.equal(await reasonOf(auth.authenticate(forged, NOW)), 'signature')
  t.equal(asked, 4, 'a refusal is not remembered')
})

t.test('a fixed key serves the algorithms that are made for it', async (t) => {
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey
  t.strictSame(new FixedKey(p384).algorithms, ['ES384'])
  t.strictSame(new FixedKey(generateKeyPairSync('ed25519').publicKey).algorithms, ['EdDSA', 'Ed25519'])
  const auth = authenticator([issuer({ keys: new FixedKey(ec.publicKey) })])
  t.equal(await reasonOf(auth.authenticate(await signed(), NOW)), 'algorithm')
  const code = 'ERR_KEY_NOT_SUPPORTED'
  t.throws(() => new FixedKey(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey), { code })
  t.throws(() => new FixedKey(generateKeyPairSync('x25519').publicKey), { code })
  t.throws(() => new FixedKey(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey), { code })
  t.throws(() => new FixedKey(rsa.privateKey), { code })
})
