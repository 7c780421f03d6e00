import { checkPrimeSync, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import t from 'tap'
import { hasRocaFingerprint, judgeKey } from '../../src/auth/judged-key.js'
import { judgeJwk } from '../../src/auth/usable-keys.js'
import { ec, rsa } from './tokens.js'

const RSA = { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'rsa', alg: 'RS256', use: 'sig' }
const EC = { ...ec.publicKey.export({ format: 'jwk' }), kid: 'ec', alg: 'ES256' }
const ED = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })

const encoded = (value: bigint) => {
  const hex = value.toString(16)
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url')
}
const n = BigInt(`0x${Buffer.from(RSA.n ?? '', 'base64url').toString('hex')}`)
const problemOf = (jwk: unknown): string => judgeJwk(jwk).problem ?? 'none'

/** The product of the first 126 primes: what the vulnerable library uses for keys of 2048 bits. */
const PRIMORIAL = (() => {
  let product = 1n
  let count = 0
  for (let each = 2n; count < 126; each++) {
    if (!checkPrimeSync(each)) continue
    product *= each
    count++
  }
  return product
})()

/** A prime as the vulnerable library makes them: k * M + (65537^a mod M). */
function vulnerablePrime(): bigint {
  const bits = 1_024n
  for (;;) {
    let power = 1n
    const exponent = randomBytes(1).readUInt8()
    for (let i = 0; i < exponent; i++) power = (power * 65_537n) % PRIMORIAL
    const k = (3n << (bits - 2n)) / PRIMORIAL + BigInt(randomBytes(4).readUInt32BE())
    const candidate = k * PRIMORIAL + power
    if (checkPrimeSync(candidate)) return candidate
  }
}

t.test('a ROCA modulus is recognised by its fingerprint', async (t) => {
  const modulus = vulnerablePrime() * vulnerablePrime()
  t.equal(modulus.toString(2).length, 2_048)
  t.ok(hasRocaFingerprint(modulus))
  t.match(problemOf({ ...RSA, n: encoded(modulus) }), /ROCA/)
  t.notOk(hasRocaFingerprint(modulus + 2n))
})

t.test('sound keys have neither a ROCA fingerprint nor a small factor', async (t) => {
  for (let i = 0; i < 4; i++) {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
    t.strictSame(judgeKey(publicKey), { algorithms: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] })
  }
  const { publicKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2_048 })
  t.strictSame(judgeKey(publicKey), { algorithms: ['PS256', 'PS384', 'PS512'] })
  for (const jwk of [RSA, EC, ED, { ...ED, alg: 'EdDSA' }, { ...ED, alg: 'Ed25519' }, { ...RSA, e: encoded(3n) }]) {
    t.equal(problemOf(jwk), 'none')
  }
})

t.test('an unusable key is left out, and the reason named', async (t) => {
  const short = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ format: 'jwk' })
  for (const [jwk, problem] of [
    [null, /^not a JWK object$/],
    [[RSA], /^not a JWK object$/],
    ['RSA', /^not a JWK object$/],
    [{}, /^kty is missing$/],
    [{ ...RSA, kty: 1 }, /^kty is missing$/],
    [{ ...RSA, kty: 'EC' }, /invalid key/],
    [{ ...RSA, kty: 'LMS' }, /invalid key/],
    [{ ...RSA, n: 5 }, /invalid key/],
    [{ ...RSA, n: '' }, /invalid key|RSA of/],
    [{ ...short, kid: 'short' }, /^RSA of 1024 bits/],
    [{ ...RSA, n: encoded(n | (1n << 16_384n)) }, /invalid key|RSA of/],
    [{ ...RSA, e: encoded(1n) }, /exponent/],
    [{ ...RSA, e: encoded(65_536n) }, /exponent/],
    [{ ...RSA, e: encoded((1n << 256n) + 1n) }, /exponent/],
    [{ ...RSA, e: '' }, /exponent|invalid key/],
    [{ ...RSA, n: encoded(n - 1n) }, /small prime/],
    [{ ...RSA, n: encoded(n - (n % 7n)) }, /small prime/],
    [{ ...RSA, alg: 'ES256' }, /alg/],
    [{ ...RSA, alg: 'RSA-OAEP' }, /alg/],
    [{ ...RSA, alg: 'HS256' }, /alg/],
    [{ ...RSA, alg: ['RS256'] }, /alg/],
    [{ ...EC, alg: 'ES384' }, /alg/],
    [{ ...EC, x: EC.y, y: EC.x }, /invalid key/],
    [{ ...EC, crv: 'P-384' }, /invalid key/],
    [generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ format: 'jwk' }), /not of RSA/],
    [generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }), /not of RSA/],
    [{ ...ED, x: `${'A'.repeat(43)}` }, /small order/],
    [{ ...ED, x: Buffer.from(`01${'00'.repeat(30)}80`, 'hex').toString('base64url') }, /small order/],
    [{ ...RSA, use: 'enc' }, /use/],
    [{ ...RSA, use: null }, /use/],
    [{ ...RSA, key_ops: ['encrypt'] }, /key_ops/],
    [{ ...RSA, key_ops: 'verify' }, /key_ops/],
    [{ ...RSA, kid: 7 }, /kid/],
    [rsa.privateKey.export({ format: 'jwk' }), /private/],
    [{ ...EC, d: 'AQAB' }, /private/],
    [{ kty: 'oct', k: 'c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0' }, /symmetric/],
    [{ ...RSA, k: 'c2VjcmV0' }, /private/],
  ] as const) {
    t.match(problemOf(jwk), problem, JSON.stringify(jwk)?.slice(0, 80))
  }
})

t.test('a weak modulus is found in an RSA-PSS key, which has no JWK', async (t) => {
  const { publicKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2_048 })
  const der = publicKey.export({ format: 'der', type: 'spki' })
  const at = der.indexOf(Buffer.from([0x02, 0x82, 0x01, 0x01, 0x00])) + 5
  const modulus = vulnerablePrime() * vulnerablePrime()
  Buffer.from(modulus.toString(16), 'hex').copy(der, at)
  t.match(judgeKey(createPublicKey({ key: der, format: 'der', type: 'spki' })), { problem: /ROCA/ })
})
