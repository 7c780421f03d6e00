import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { errors, jwtVerify, SignJWT } from 'jose'
import { test } from 'tap'
import { CertificateKeys } from '../../src/auth/index.js'
import { ensureSelfSigned } from '../../src/certificates/index.js'
import type { Logger } from '../../src/logging/index.js'
import { silent } from '../../src/logging/index.js'

const logger = silent('test')
const DAY = 86_400_000

function pemOf(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString()
}

function sign(key: KeyObject, alg: string): Promise<string> {
  return new SignJWT({ sub: 'a' }).setProtectedHeader({ alg, kid: 'any_RS256', x5t: 'any' }).sign(key)
}

test('a public key verifies by the algorithms of its kind, whatever the kid, and by no other', async (t) => {
  const pairs: readonly [{ publicKey: KeyObject; privateKey: KeyObject }, readonly string[]][] = [
    [generateKeyPairSync('rsa', { modulusLength: 2048 }), ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
    [generateKeyPairSync('ec', { namedCurve: 'P-256' }), ['ES256']],
    [generateKeyPairSync('ec', { namedCurve: 'P-384' }), ['ES384']],
    [generateKeyPairSync('ec', { namedCurve: 'P-521' }), ['ES512']],
    [generateKeyPairSync('ed25519'), ['EdDSA', 'Ed25519']],
  ]
  const all = [
    ...pairs.flatMap(([, algorithms]) => algorithms),
    'HS256',
    'HS512',
    'none',
    'RSA-OAEP',
    '',
    'constructor',
  ]
  for (const [{ publicKey, privateKey }, algorithms] of pairs) {
    const keys = new CertificateKeys({ pem: pemOf(publicKey), name: 'test', logger })
    for (const alg of all) {
      if (algorithms.includes(alg)) await jwtVerify(await sign(privateKey, alg), (header) => keys.key(header))
      else await t.rejects(keys.key({ alg }), { code: 'ERR_JOSE_ALG_NOT_ALLOWED' }, alg)
    }
    await t.rejects(keys.key({}), errors.JOSEAlgNotAllowed)
  }
})

test('a certificate verifies what its key signed, and nothing that another signed', async (t) => {
  const { cert, key } = await ensureSelfSigned(t.testdir())
  const keys = new CertificateKeys({ pem: cert, name: 'test', logger })
  const { createPrivateKey } = await import('node:crypto')
  await jwtVerify(await sign(createPrivateKey(key), 'ES256'), (header) => keys.key(header))
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  await t.rejects(
    jwtVerify(await sign(stranger, 'ES256'), (header) => keys.key(header)),
    { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' },
  )
})

test('a certificate out of its validity verifies, with a warning that names it', async (t) => {
  const { cert } = await ensureSelfSigned(t.testdir())
  const warned: unknown[] = []
  const listening: Logger = { ...logger, warn: (text, fields) => warned.push(text, fields?.certificate) }
  for (const [days, text] of [
    [0, undefined],
    [900, /expired/],
    [-2, /not valid yet/],
  ] as const) {
    warned.length = 0
    const now = () => Date.now() + days * DAY
    await new CertificateKeys({ pem: cert, name: 'issuer.pem', logger: listening, now }).key({ alg: 'ES256' })
    t.match(warned, text === undefined ? [] : [text, 'issuer.pem'])
    t.equal(warned.length, text === undefined ? 0 : 2)
  }
})

test('what no token should be verified with is refused at the start', async (t) => {
  const unfit = [
    pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey),
    pemOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey),
    pemOf(generateKeyPairSync('x25519').publicKey),
    'no PEM',
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
  ]
  for (const pem of unfit) {
    t.throws(() => new CertificateKeys({ pem, name: 'test', logger }), { code: 'ERR_CERTIFICATE_KEY' })
  }
})
