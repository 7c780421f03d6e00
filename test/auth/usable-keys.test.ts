import type { JsonWebKey } from 'node:crypto'
import t from 'tap'
import { judgeJwk } from '../../src/auth/usable-keys.js'
import { rsa } from './tokens.js'

const RSA = { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'rsa', alg: 'RS256', use: 'sig' }

t.test('an element has only what an import needs, and a name of bounded length', async (t) => {
  const given: JsonWebKey = { ...RSA, key_ops: ['verify', 'encrypt'], ext: 'yes', x5c: ['AA'] }
  t.strictSame(
    Object.keys(judgeJwk(given).problem === undefined ? (judgeJwk(given) as { jwk: object }).jwk : {}).sort(),
    ['alg', 'e', 'kid', 'kty', 'n', 'use'],
  )
  const judged = judgeJwk({ ...RSA, kid: 'k'.repeat(10_000), use: 'enc' })
  t.equal(judged.problem === undefined ? 0 : judged.kid.length, 100)
})
