import { generateKeyPairSync } from 'node:crypto'
import { createLocalJWKSet } from 'jose'
import t from 'tap'
import { verifyMessage } from '../../src/auth/signed-message.js'
import { FixedKey, SharedSecret, type VerificationKeys } from '../../src/auth/verification-keys.js'
import { Secret } from '../../src/config/secret.js'
import { CLAIMS, ec, fixedKey, hmacRaw, publicJwk, rsa, signed, signedRaw } from './tokens.js'

const SECRET = 'a secret of more than thirty-two bytes'
const KEYS = [fixedKey(rsa.publicKey)]
const TYPES = ['logout+jwt', undefined]
const verify = (jws: string, keys: readonly VerificationKeys[] = KEYS) => verifyMessage(jws, keys, TYPES)
const [HEADER = '', PAYLOAD = ''] = ['{"alg":"RS256","typ":"logout+jwt"}', JSON.stringify(CLAIMS)]

t.test('a message that the issuer signed is read, whatever its times', async (t) => {
  const claims = { ...CLAIMS, exp: 1 }
  const types = [undefined, 'logout+jwt', 'application/logout+jwt', 'Logout+JWT']
  for (const typ of types) {
    const jws = await signed(claims, { alg: 'RS256', ...(typ === undefined ? {} : { typ }) })
    t.match(await verify(jws), { claims }, String(typ))
  }
  t.match(await verify(await signed(claims, { alg: 'ES256' }, ec.privateKey), [new FixedKey(ec.publicKey)]), { claims })
})

t.test('a message that the issuer did not sign, or that two readers could read differently, is none', async (t) => {
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const good = signedRaw(HEADER, PAYLOAD)
  const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string
  const cases: readonly [jws: string, problem: string][] = [
    [await signed(CLAIMS, { alg: 'RS256' }, stranger.privateKey), 'signature'],
    [`${good.slice(0, -8)}AAAAAAAA`, 'signature'],
    [`${Buffer.from('{"alg":"none"}').toString('base64url')}.${good.split('.')[1]}.`, 'format'],
    [signedRaw('{"alg":"none"}', PAYLOAD), 'algorithm'],
    [signedRaw('{"alg":"HS256"}', PAYLOAD), 'algorithm'],
    [signedRaw('{"alg":["RS256"]}', PAYLOAD), 'algorithm'],
    [hmacRaw(pem), 'algorithm'],
    [signedRaw('{"alg":"RS256","typ":"at+jwt"}', PAYLOAD), 'type'],
    [signedRaw('{"alg":"RS256","typ":"JWT"}', PAYLOAD), 'type'],
    [signedRaw('{"alg":"RS256","typ":7}', PAYLOAD), 'type'],
    [signedRaw('{"alg":"RS256","crit":["b64"],"b64":true}', PAYLOAD), 'critical'],
    [signedRaw('{"alg":"RS256","alg":"RS256"}', PAYLOAD), 'format'],
    [signedRaw(HEADER, '{"sub":"alice","sub":"bob"}'), 'format'],
    [signedRaw(HEADER, '{"events":{"e":{"a":1,"a":2}}}'), 'format'],
    [signedRaw(HEADER, '[]'), 'format'],
    [signedRaw(HEADER, PAYLOAD, true), 'format'],
    [` ${good}`, 'format'],
    [signedRaw(HEADER, JSON.stringify({ ...CLAIMS, more: 'x'.repeat(65_536) })), 'format'],
    ['', 'format'],
    ['opaque', 'format'],
  ]
  for (const [jws, problem] of cases) t.same(await verify(jws), { problem }, problem)
})

t.test('a shared secret verifies no message, and its issuer’s other keys do', async (t) => {
  const secret = new SharedSecret(new Secret(SECRET), 'https://issuer.example')
  t.same(await verify(hmacRaw(SECRET), [secret]), { problem: 'algorithm' })
  t.match(await verify(await signed(), [secret, ...KEYS]), { claims: CLAIMS })
})

t.test('without a kid each key that fits is tried', async (t) => {
  const others = [1, 2].map(() => generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey)
  const keys = await Promise.all([...others, rsa.publicKey].map((key, i) => publicJwk(key, { kid: `k${i}` })))
  const set: VerificationKeys = { key: createLocalJWKSet({ keys }) }
  t.match(await verify(await signed(), [set]), { claims: CLAIMS })
  t.same(await verify(await signed(CLAIMS, { alg: 'RS256', kid: 'stranger' }), [set]), { problem: 'key' })
})

t.test('while keys are unavailable nothing is said of a message, unless another key fits it', async (t) => {
  const away: VerificationKeys = { key: () => Promise.reject(new Error('away')) }
  await t.rejects(verify(await signed(), [away]), { message: 'away' })
  t.match(await verify(await signed(), [away, ...KEYS]), { claims: CLAIMS })
})
