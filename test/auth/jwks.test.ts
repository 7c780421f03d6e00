import { generateKeyPairSync } from 'node:crypto'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import t, { type Test } from 'tap'
import { Jwks, KeyNames } from '../../src/auth/jwks.js'
import { type Fields, silent } from '../../src/logging/index.js'
import { httpClient, httpServer } from '../support/servers.js'
import { gate } from './key-manager.js'
import { authenticator, CLAIMS, ISSUER, NOW } from './tokens.js'

const NO_TOKEN = { payload: '', signature: '' }

async function jwk(kid: string): Promise<JWK> {
  const { publicKey } = await generateKeyPair('ES256')
  return { ...(await exportJWK(publicKey)), kid, alg: 'ES256' }
}

/** An issuer whose keys, answers and clock the test owns. */
async function issuer(t: Test, keys: unknown[]) {
  const state = {
    keys,
    status: 200,
    fetched: 0,
    dropped: 0,
    now: 1_000_000,
    warnings: [] as Fields[],
    hold: undefined as (() => Promise<void>) | undefined,
  }
  const { origin } = await httpServer(t, async (_, res) => {
    state.fetched++
    const { status, keys } = state
    await state.hold?.()
    res.writeHead(status).end(JSON.stringify({ keys }))
  })
  const jwks = new Jwks({
    url: `${origin}/jwks`,
    client: httpClient(t),
    logger: {
      ...silent('test'),
      warn: (_, fields = {}) => {
        state.warnings.push(fields)
      },
    },
    onKeysDropped: () => {
      state.dropped++
    },
    now: () => state.now,
  })
  const key = (kid: string) => jwks.key({ alg: 'ES256', kid }, NO_TOKEN)
  return { state, key, jwks }
}

t.test('keys are fetched once for any number of first requests', async (t) => {
  const { state, key } = await issuer(t, [await jwk('a')])
  await Promise.all(Array.from({ length: 20 }, () => key('a')))
  t.equal(state.fetched, 1)
})

t.test('an unknown key is looked for once, then not before the cool-down', async (t) => {
  const { state, key } = await issuer(t, [await jwk('a')])
  await key('a')
  for (let i = 0; i < 10; i++) await t.rejects(key('b'), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
  t.equal(state.fetched, 2)
  state.now += 10_001
  state.keys = [...state.keys, await jwk('b')]
  await key('b')
  t.equal(state.fetched, 3)
  t.equal(state.dropped, 0)
})

t.test('unknown keys cause five fetches at once, then one in ten seconds', async (t) => {
  const { state, key } = await issuer(t, [await jwk('a')])
  await key('a')
  const strangers = async (prefix: string) => {
    for (let i = 0; i < 100; i++) await t.rejects(key(`${prefix}${i}`), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
  }
  await strangers('a')
  t.equal(state.fetched, 1 + 5)
  for (let i = 1; i <= 3; i++) {
    state.now += 10_001
    await strangers(`later${i}-`)
    t.equal(state.fetched, 1 + 5 + i)
  }
})

t.test('a key is found as soon as it is published, also when the keys were fetched just now', async (t) => {
  const { state, key } = await issuer(t, [await jwk('a')])
  await key('a')
  for (const kid of ['b', 'c', 'd']) {
    state.keys = [...state.keys, await jwk(kid)]
    await Promise.all([key('a'), key(kid), key(kid), key(kid)])
  }
  t.equal(state.fetched, 4)
})

t.test('a fetch that read the keys before one was published is not the last word on it', async (t) => {
  const { state, key } = await issuer(t, [await jwk('a')])
  await key('a')
  const [read, answered] = [gate<void>(), gate<void>()]
  state.hold = () => {
    read.open()
    return answered.opened
  }
  const stranger = t.rejects(key('nobody'), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
  await read.opened
  state.keys = [await jwk('b'), ...state.keys]
  state.hold = undefined
  const found = key('b')
  answered.open()
  await stranger
  await found
  t.equal(state.fetched, 3)
})

t.test('an unreachable issuer is asked once in ten seconds, and its keys are found once it is back', async (t) => {
  const { state, key } = await issuer(t, [await jwk('a')])
  await key('a')
  state.status = 500
  const minutes = 10
  for (let second = 0; second < minutes * 60; second++) {
    state.now += 1_000
    await key('a')
    await t.rejects(key(`stranger${second}`), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
  }
  t.ok(state.fetched <= 1 + 5 + minutes * 6 + 1, `${state.fetched} fetches in ${minutes} minutes`)
  state.status = 200
  state.keys = [...state.keys, await jwk('b')]
  state.now += 10_001
  await key('b')
})

t.test('a renewal fetches the keys after the call, once for all who wait, and at most once a second', async (t) => {
  const { state, jwks } = await issuer(t, [await jwk('a')])
  const known = (kid: string) => jwks.knownKey({ alg: 'ES256', kid }, NO_TOKEN)
  await t.rejects(known('a'), { code: 'ERR_JWKS_UNAVAILABLE' })
  const [read, answered] = [gate<void>(), gate<void>()]
  state.hold = () => {
    read.open()
    return answered.opened
  }
  const first = jwks.ready()
  await read.opened
  state.keys = [...state.keys, await jwk('b')]
  state.hold = undefined
  state.now += 1_000
  const renewals = Array.from({ length: 100 }, () => jwks.renewed())
  answered.open()
  await first
  await Promise.all(renewals)
  await known('b')
  t.equal(state.fetched, 2)
  for (let i = 0; i < 100; i++) await t.rejects(known(`stranger${i}`), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
  t.equal(state.fetched, 2)
  state.now += 1_000
  state.status = 503
  await t.rejects(jwks.renewed(), { code: 'ERR_JWKS_UNAVAILABLE' })
  await known('a')
  state.status = 200
  state.now += 1_000
  await jwks.renewed()
  t.equal(state.fetched, 4)
})

t.test('known keys stay in use while the issuer is down', async (t) => {
  const { state, key } = await issuer(t, [await jwk('a')])
  await key('a')
  state.status = 500
  state.now += 3_600_000
  await key('a')
  await t.rejects(key('b'), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
  await key('a')
})

t.test('a key set that was never fetched is an error of its own, and is asked for again', async (t) => {
  const { state, key } = await issuer(t, [await jwk('a')])
  state.status = 503
  await t.rejects(key('a'), { code: 'ERR_JWKS_UNAVAILABLE' })
  state.status = 200
  state.now += 1_001
  await key('a')
  t.equal(state.fetched, 2)
})

t.test('a key that the issuer has dropped verifies nothing any more', async (t) => {
  const { state, key } = await issuer(t, [await jwk('a'), await jwk('b')])
  await key('b')
  state.keys = state.keys.slice(0, 1)
  state.now += 10_001
  await t.rejects(key('unknown'), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
  t.equal(state.dropped, 1)
  await t.rejects(key('b'), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
})

t.test('keys that cannot be used never hide the others, and are named once', async (t) => {
  const off = { ...(await jwk('off')), y: (await jwk('other')).y }
  const { state, key } = await issuer(t, [null, off, 'key', await jwk('a'), { kty: 'oct', kid: 'secret', k: 'AAAA' }])
  await key('a')
  for (const kid of ['off', 'secret']) await t.rejects(key(kid), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
  t.equal(state.fetched, 3)
  t.strictSame(state.warnings.map(({ kid }) => kid).sort(), ['', 'off', 'secret'])
  for (const { reason } of state.warnings) t.type(reason, 'string')
  state.now += 3_600_000
  state.keys = [...state.keys, { ...(await jwk('for encryption')), use: 'enc' }]
  await t.rejects(key('b'), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
  t.strictSame(
    state.warnings.slice(3).map(({ kid }) => kid),
    ['for encryption'],
  )
})

t.test('a token that names an unusable key is refused like one that names none', async (t) => {
  const short = generateKeyPairSync('rsa', { modulusLength: 1_024 })
  const keys = [
    { ...short.publicKey.export({ format: 'jwk' }), kid: 'short' },
    { ...(await jwk('off')), y: (await jwk('other')).y },
  ]
  const { jwks } = await issuer(t, keys)
  const auth = authenticator([{ issuer: ISSUER, audience: [], keys: jwks, consumerKeyClaim: 'azp' }])
  for (const [alg, kid, size] of [
    ['RS256', 'short', 128],
    ['ES256', 'off', 64],
  ] as const) {
    const parts = [JSON.stringify({ alg, kid }), JSON.stringify(CLAIMS)].map((part) => Buffer.from(part))
    const token = [...parts, Buffer.alloc(size, 1)].map((part) => part.toString('base64url')).join('.')
    t.match(await auth.authenticate(token, NOW), { fault: { status: 401 }, reason: 'unknown-key' })
  }
})

t.test('a set without a usable key has no key for a token, and is no failure', async (t) => {
  const { state, key } = await issuer(t, [{ ...(await jwk('a')), use: 'enc' }])
  for (let i = 0; i < 100; i++) await t.rejects(key('a'), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
  t.equal(state.fetched, 2)
  state.keys = [await jwk('a')]
  state.now += 10_001
  await key('a')
  state.keys = [{ ...(await jwk('a')), use: 'enc' }]
  state.now += 10_001
  await t.rejects(key('b'), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
  t.equal(state.dropped, 1, 'what a key verified that is not usable any more is forgotten')
  await t.rejects(key('a'), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
})

t.test('a response that is not a key set leaves the last one in use', async (t) => {
  const { state, key } = await issuer(t, [await jwk('a')])
  await key('a')
  state.keys = undefined as never
  state.now += 10_001
  await t.rejects(key('b'), { code: 'ERR_JWKS_NO_MATCHING_KEY' })
  await key('a')
  t.match(state.warnings, [{ kept: true }])
})

t.test('a set with thousands of keys is neither judged nor named whole', async (t) => {
  const { state, key } = await issuer(t, [
    await jwk('a'),
    ...Array.from({ length: 2_000 }, (_, i) => ({ kid: `${i}` })),
  ])
  await key('a')
  t.equal(state.warnings.length, 21)
  t.match(state.warnings.at(-1), { keys: 480 })
})

t.test('a key is found by the names that WSO2’s versions give it', async (t) => {
  const names = new KeyNames({
    keys: [
      { kty: 'RSA', kid: 'a_RS256' },
      { kty: 'RSA', kid: 'b', x5t: 'thumb' },
      { kty: 'RSA' },
      { kty: 'RSA', kid: 'c' },
    ],
  })
  const cases: [object, string | undefined][] = [
    [{ kid: 'a_RS256' }, 'a_RS256'],
    [{ kid: 'a' }, 'a_RS256'],
    [{ kid: 'b_RS256' }, 'b'],
    [{ kid: 'b_ES256' }, 'b_ES256'],
    [{ x5t: 'thumb' }, 'b'],
    [{ x5t: 'a' }, 'a_RS256'],
    [{ kid: 'c', x5t: 'thumb' }, 'c'],
    [{ kid: 'x', x5t: 'thumb' }, 'b'],
    [{ kid: 'x' }, 'x'],
    [{ kid: '__proto__' }, '__proto__'],
    [{}, undefined],
  ]
  for (const [header, kid] of cases)
    t.equal(names.resolve({ alg: 'RS256', ...header }).kid, kid, JSON.stringify(header))
})
