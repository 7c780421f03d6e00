import { readFile, rename } from 'node:fs/promises'
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import { writeAtomically } from '../../certificates/index.js'
import { hasCode } from '../../error-code.js'
import type { Logger } from '../../logging/index.js'

/** The key that signs, and what the JWKS publishes of it. */
export interface SigningKey {
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  readonly kid: string
  readonly publicJwk: JWK
}

export const ALGORITHM = 'RS256'

/** Finds the key in its file (a private JWK, mode 0600) or makes one. A damaged file is set aside as `.old`. */
export async function loadSigningKey(file: string, log: Logger): Promise<SigningKey> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (!hasCode(error, 'ENOENT')) throw error
  })
  if (text !== undefined) {
    try {
      return await signingKey(JSON.parse(text) as JWK)
    } catch (cause) {
      await rename(file, `${file}.old`)
      log.error('damaged signing key replaced: tokens issued with it are no longer valid', cause)
    }
  }
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true })
  const jwk = await exportJWK(privateKey)
  await writeAtomically(file, JSON.stringify(jwk))
  return signingKey(jwk)
}

async function signingKey(jwk: JWK): Promise<SigningKey> {
  const { kty, n, e, d } = jwk
  if (kty !== 'RSA' || n === undefined || e === undefined || d === undefined) throw new TypeError('not an RSA key')
  const kid = await calculateJwkThumbprint({ kty, n, e })
  const publicJwk: JWK = { kty, n, e, kid, alg: ALGORITHM, use: 'sig' }
  return { privateKey: await imported(jwk), publicKey: await imported(publicJwk), kid, publicJwk }
}

async function imported(jwk: JWK): Promise<CryptoKey> {
  const key = await importJWK(jwk, ALGORITHM)
  if (key instanceof Uint8Array) throw new TypeError('not an RSA key')
  return key
}
