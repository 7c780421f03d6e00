import { createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { CompactSign, compactVerify, importSPKI } from 'jose'
import t from 'tap'
import { verifyShort } from '../../src/auth/short-signatures.js'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed25519 = generateKeyPairSync('ed25519')
const KEYS = { RS: rsa, PS: rsa, ES: p256, Ed: ed25519 }

function keysOf(alg: string): { privateKey: KeyObject; publicKey: KeyObject } {
  return KEYS[alg.slice(0, 2) as keyof typeof KEYS]
}

async function sign(alg: string, { privateKey } = keysOf(alg)): Promise<{ signed: string; signature: string }> {
  const jws = await new CompactSign(Buffer.from('{"a":1}')).setProtectedHeader({ alg }).sign(privateKey)
  const dot = jws.lastIndexOf('.')
  return { signed: jws.slice(0, dot), signature: jws.slice(dot + 1) }
}

t.test('a signature is accepted where jose accepts it, whatever is changed in it', async (t) => {
  for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'EdDSA', 'Ed25519']) {
    const { publicKey } = keysOf(alg)
    const { signed, signature } = await sign(alg)
    const bytes = Buffer.from(signature, 'base64url')
    const flipped = Buffer.from(bytes)
    flipped[7] = (flipped[7] ?? 0) ^ 1
    const changed = [bytes, flipped, bytes.subarray(1), bytes.subarray(0, -1), Buffer.alloc(bytes.length)]
    changed.push(Buffer.concat([bytes, Buffer.of(0)]), Buffer.concat([Buffer.of(0), bytes]), Buffer.of(0))
    for (const [i, each] of changed.entries()) {
      const text = each.toString('base64url')
      const theirs = await compactVerify(`${signed}.${text}`, publicKey).then(
        () => true,
        () => false,
      )
      t.equal(verifyShort(alg, publicKey, signed, text), theirs, `${alg}, change ${i}`)
      if (i === 0) t.ok(theirs, 'unchanged')
    }
    t.equal(verifyShort(alg, publicKey, `${signed}x`, signature), false, `${alg}, another text`)
    const web = await importSPKI(publicKey.export({ type: 'spki', format: 'pem' }).toString(), alg)
    t.equal(verifyShort(alg, web, signed, signature), true, `${alg}, a key of Web Crypto`)
  }
})

t.test('what takes long, or is not for the algorithm, is left to others', async (t) => {
  const { signed, signature } = await sign('RS256')
  const left = (alg: string, key: KeyObject | Uint8Array) =>
    t.equal(verifyShort(alg, key, signed, signature), undefined)
  left('ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey)
  left('ES256', generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey)
  left('RS256', generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 0x1000001 }).publicKey)
  left('RS256', generateKeyPairSync('rsa', { modulusLength: 5120 }).publicKey)
  left('PS256', generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey)
  left('RS256', p256.publicKey)
  left('ES256', rsa.publicKey)
  left('RS256', rsa.privateKey)
  left('HS256', createSecretKey(Buffer.alloc(32)))
  left('HS256', new Uint8Array(32))
  left('none', rsa.publicKey)
  left('toString', rsa.publicKey)
})
