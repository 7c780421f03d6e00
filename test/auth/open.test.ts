import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { isRefused } from '../../src/auth/authenticator.js'
import { openAuthentication } from '../../src/auth/open.js'
import { parseConfig } from '../../src/config/index.js'
import { silent } from '../../src/logging/index.js'
import { keytool, missing, PASSWORD } from '../certificates/stores.js'
import { httpClient } from '../support/servers.js'
import { keyManager } from './key-manager.js'
import { fingerprints, ISSUER, rsa, signed } from './tokens.js'

/** An issuer whose key is in `issuer.pem`. */
const ISSUING = `[[jwtTokenConfig]]\nissuer = "${ISSUER}"\ncertFile = "issuer.pem"\n`

async function opened(t: Test, { keys = '', answer = { token_type: 'Bearer' } as object, more = '' } = {}) {
  const directory = t.testdir({ 'issuer.pem': rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString() })
  const file = join(directory, 'micro-gw.conf')
  const state = { active: true }
  const manager = await keyManager(t, () => ({ body: { active: state.active, ...answer } }))
  const { config } = parseConfig(`[keyManager]\nserverUrl = "${manager.origin}"\n${keys}\n${more}`, file, {})
  const parts = { client: httpClient(t), fingerprints, logging: silent }
  const { authenticator, realtime, tokenRevoked } = await openAuthentication(config, parts)
  const reason = async (token: string) => {
    const outcome = await authenticator.authenticate(token, Date.now())
    return isRefused(outcome) ? outcome.reason : 'accepted'
  }
  return { state, asked: manager.asked, realtime, tokenRevoked, reason }
}

t.test('a token introspected before or during a gap of the topic is introspected again after it', async (t) => {
  const { state, asked, realtime, reason } = await opened(t)
  realtime(true)
  t.equal(await reason('before'), 'accepted')
  t.equal(await reason('before'), 'accepted')
  t.equal(asked.length, 1)
  realtime(false)
  t.equal(await reason('before'), 'accepted')
  t.equal(await reason('during'), 'accepted')
  t.equal(asked.length, 3)
  state.active = false // nobody hears of it: the topic's word is lost in the gap
  realtime(true)
  t.equal(await reason('before'), 'inactive')
  t.equal(await reason('during'), 'inactive')
})

t.test('revocations, but for those of a verified JWT, have introspected tokens asked for again', async (t) => {
  const { state, asked, realtime, reason, tokenRevoked } = await opened(t, { keys: 'opaqueRecheck = 0', more: ISSUING })
  realtime(true)
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: ISSUER, exp: now + 60, jti: 'jti-1' }
  const jwt = await signed(claims)
  for (const token of [jwt, 'opaque']) t.equal(await reason(token), 'accepted')
  state.active = false
  const signature = jwt.slice(jwt.lastIndexOf('.') + 1)
  for (const name of [fingerprints.of('token', 'jti-1'), fingerprints.of('token', signature)]) tokenRevoked(name)
  tokenRevoked(fingerprints.ofIssuer(ISSUER, 'token', 'jti-1'))
  t.equal(await reason('opaque'), 'accepted')
  t.equal(asked.length, 1)
  tokenRevoked(fingerprints.of('token', 'of-nobody-knows-what'))
  t.equal(await reason('opaque'), 'inactive')
})

t.test('acceptPaddedTokens: a key manager whose tokens end in =', async (t) => {
  t.equal(await (await opened(t)).reason('padded='), 'malformed', 'off, unless the configuration says so')
  t.equal(await (await opened(t, { keys: 'acceptPaddedTokens = true' })).reason('padded='), 'accepted')
})

t.test('acceptUntypedTokens: a key manager that never says what a token is', async (t) => {
  const hydra = { token_use: 'refresh_token' }
  t.equal(
    await (await opened(t, { answer: {} })).reason('untyped'),
    'token-type',
    'off, unless the configuration says so',
  )
  const keys = 'acceptUntypedTokens = true'
  t.equal(await (await opened(t, { keys, answer: {} })).reason('untyped'), 'accepted')
  t.equal(
    await (await opened(t, { keys, answer: hydra })).reason('refresh'),
    'token-type',
    'a type that is said counts',
  )
})

t.test(
  'a certificate or key file that no token should be verified with is an error at start, by its name',
  async (t) => {
    const { n } = rsa.publicKey.export({ format: 'jwk' })
    const pem = (key: KeyObject) => key.export({ format: 'pem', type: 'spki' }).toString()
    const weak = createPublicKey({ key: { kty: 'RSA', ...(n === undefined ? {} : { n }), e: 'AQ' }, format: 'jwk' })
    const directory = t.testdir({
      'e1.pem': pem(weak),
      'short.pem': pem(generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey),
      'damaged.pem': '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n',
    })
    const open = (keys: string, more = '') => {
      const text = `${more}[[jwtTokenConfig]]\nissuer = "i"\n${keys}\n`
      const { config } = parseConfig(text, join(directory, 'micro-gw.conf'), {})
      return openAuthentication(config, { client: httpClient(t), fingerprints, logging: silent })
    }
    const code = 'ERR_KEY_NOT_SUPPORTED'
    await t.rejects(open('certFile = "e1.pem"'), { code, message: /e1\.pem: .*exponent/ })
    await t.rejects(open('certFile = "short.pem"'), { code, message: /short\.pem: .*1024/ })
    await t.rejects(open('certFile = "damaged.pem"'), { code, message: /damaged\.pem: / })
    if (missing('keytool') !== false) return
    const store = join(directory, 'trust.p12')
    await keytool(
      store,
      ...'-genkeypair -alias weak -dname CN=weak -keyalg RSA -keysize 1024 -storetype PKCS12'.split(' '),
    )
    const trusting = `[listenerConfig]\ntrustStorePath = "trust.p12"\ntrustStorePassword = "${PASSWORD}"\n`
    await t.rejects(open('certificateAlias = "weak"', trusting), { code, message: /trust\.p12: weak: .*1024/ })
  },
)
