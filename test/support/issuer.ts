import { createPublicKey, KeyObject, randomUUID, sign } from 'node:crypto'
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'

export const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

/** A token that is good, and all that it may be revoked by. */
export interface Issued {
  readonly algorithm: Algorithm
  readonly jwt: string
  readonly jti: string | undefined
  readonly sub: string
  readonly clientId: string
  readonly sid: string
  /** The modulus of the key that signed it, if it is an RSA key. */
  readonly modulus: bigint | undefined
}

/** An issuer that signs with every algorithm that the gateway knows. */
export interface Issuer {
  readonly name: string
  /** Its key set, as JSON. */
  readonly jwks: string
  issue(algorithm: Algorithm, named?: { readonly jti: boolean }): Promise<Issued>
  /** Signs texts as they are with the RSA key of RS256: what no library would sign. */
  signRaw(header: string, payload: string): string
  /** The public key of RS256, as PEM. */
  readonly publicPem: string
}

export async function createIssuer(name: string): Promise<Issuer> {
  const keys = new Map<Algorithm, { privateKey: CryptoKey; modulus: bigint | undefined }>()
  const published: object[] = []
  let issued = 0
  for (const alg of ALGORITHMS) {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
    const jwk = await exportJWK(publicKey)
    const modulus = jwk.n === undefined ? undefined : BigInt(`0x${Buffer.from(jwk.n, 'base64url').toString('hex')}`)
    keys.set(alg, { privateKey, modulus })
    published.push({ ...jwk, kid: alg, alg, use: 'sig' })
  }
  const rsa = keys.get('RS256')?.privateKey
  if (rsa === undefined) throw new Error('no key for RS256')
  const privateKey = KeyObject.from(rsa)
  return {
    name,
    publicPem: createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString(),
    signRaw(header, payload) {
      const input = [header, payload].map((text) => Buffer.from(text).toString('base64url')).join('.')
      return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
    },
    jwks: JSON.stringify({ keys: published }),
    async issue(algorithm, named = { jti: true }) {
      const key = keys.get(algorithm)
      if (key === undefined) throw new Error(`no key for ${algorithm}`)
      // Of odd lengths, so that each segment ends in spare bits in some of the tokens.
      const sub = `somebody-${randomUUID().slice(0, 8 + (issued++ % 3))}`
      const [jti, clientId, sid] = [named.jti ? randomUUID() : undefined, randomUUID(), randomUUID()]
      const jwt = await new SignJWT({ sub, azp: clientId, sid, ...(jti === undefined ? {} : { jti }) })
        .setProtectedHeader({ alg: algorithm, kid: algorithm })
        .setIssuer(name)
        .setIssuedAt()
        .setExpirationTime('2h')
        .sign(key.privateKey)
      return { algorithm, jwt, jti, sub, clientId, sid, modulus: key.modulus }
    },
  }
}
