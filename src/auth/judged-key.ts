import type { KeyObject } from 'node:crypto'

/** The JWS algorithms that a public key may verify, or why it is not accepted. */
export type JudgedKey = { readonly algorithms: readonly string[] } | { readonly problem: string }

const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
/** By the key's type, and an elliptic curve's name as OpenSSL has it. */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  rsa: RSA,
  'rsa-pss': RSA.slice(3),
  'ec prime256v1': ['ES256'],
  'ec secp384r1': ['ES384'],
  'ec secp521r1': ['ES512'],
  ed25519: ['EdDSA', 'Ed25519'],
}
/** RFC 7518 §3.3, in bits. */
const SHORTEST_MODULUS = 2_048
/** In bits. A longer one makes each verification costly for us and cheap for an attacker, and OpenSSL refuses it. */
const LONGEST_MODULUS = 16_384
/** FIPS 186-5 §A.1.1: an exponent is below 2^256. A longer one makes each verification as costly as a signature. */
const MAX_EXPONENT = 1n << 256n

/** Judges a public key. Holds no secret, and says nothing of the key itself. */
export function judgeKey(key: KeyObject): JudgedKey {
  const { type, asymmetricKeyType = '', asymmetricKeyDetails: { namedCurve } = {} } = key
  if (type !== 'public') return { problem: 'not a public key' }
  const algorithms = ALGORITHMS[namedCurve === undefined ? asymmetricKeyType : `${asymmetricKeyType} ${namedCurve}`]
  if (algorithms === undefined) return { problem: 'not of RSA, P-256, P-384, P-521 or Ed25519' }
  const problem = asymmetricKeyType.startsWith('rsa') ? rsaProblem(key) : ed25519Problem(key, asymmetricKeyType)
  return problem === undefined ? { algorithms } : { problem }
}

function rsaProblem(key: KeyObject): string | undefined {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  if (modulusLength < SHORTEST_MODULUS) return `RSA of ${modulusLength} bits, fewer than ${SHORTEST_MODULUS}`
  if (modulusLength > LONGEST_MODULUS) return `RSA of ${modulusLength} bits, more than ${LONGEST_MODULUS}`
  // e = 1 makes anything its own signature; an even one is no RSA.
  if (publicExponent < 3n || publicExponent % 2n === 0n) return 'RSA with a public exponent that is 1 or even'
  if (publicExponent >= MAX_EXPONENT) return 'RSA with a public exponent of more than 256 bits'
  const modulus = modulusOf(key)
  if (modulus === undefined) return undefined
  if (smallFactor(modulus) !== undefined) return 'RSA with a modulus that a small prime divides'
  if (hasRocaFingerprint(modulus)) return 'RSA with a modulus that is known to be weak (ROCA, CVE-2017-15361)'
  return undefined
}

/** Node exports no RSA-PSS key as a JWK; its SPKI holds the same RSAPublicKey, whose first INTEGER is the modulus. */
function modulusOf(key: KeyObject): bigint | undefined {
  if (key.asymmetricKeyType === 'rsa') return toBigInt(Buffer.from(key.export({ format: 'jwk' }).n ?? '', 'base64url'))
  const bytes = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8
  const der = key.export({ format: 'der', type: 'spki' })
  const length = Buffer.from([0x02, 0x82, (bytes + 1) >> 8, (bytes + 1) & 0xff, 0x00])
  const at = der.indexOf(length)
  return at < 0 ? undefined : toBigInt(der.subarray(at + length.length, at + length.length + bytes))
}

function toBigInt(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`)
}

/**
 * Points of Ed25519 with a small order, in every encoding, without the sign: anybody can sign for them (RFC 8032 §8.4;
 * the list is libsodium's).
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])

function ed25519Problem(key: KeyObject, type: string): string | undefined {
  if (type !== 'ed25519') return undefined
  const point = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url')
  const withoutSign = Buffer.concat([point.subarray(0, -1), Buffer.of((point.at(-1) ?? 0) & 0x7f)])
  return SMALL_ORDER.has(withoutSign.toString('hex')) ? 'Ed25519 with a point of small order' : undefined
}

/**
 * Odd primes up to 167: whichever length a key has, the primorial that the vulnerable library builds its primes on is a
 * multiple of their product.
 */
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
]
const GENERATOR = 65_537

/** By each prime: which residues are powers of the generator. */
const POWERS: readonly (readonly [prime: bigint, powers: ReadonlySet<number>])[] = PRIMES.map((prime) => {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * GENERATOR) % prime) powers.add(power)
  return [BigInt(prime), powers]
})

/**
 * Whether an RSA modulus has the fingerprint of CVE-2017-15361 (ROCA), whose private keys can be computed: its primes are
 * k * M + (65537^a mod M) with M a primorial, so modulo each small prime the modulus is a power of 65537. After Nemec, Sys,
 * Svenda, Klinec, Matyas: "The Return of Coppersmith's Attack" (2017), §3. One sound modulus in 240 million is taken
 * for a vulnerable one.
 */
export function hasRocaFingerprint(modulus: bigint): boolean {
  return POWERS.every(([prime, powers]) => powers.has(Number(modulus % prime)))
}

/** The smallest prime up to 167 that divides a modulus; a sound one has none. */
function smallFactor(modulus: bigint): number | undefined {
  return [2, ...PRIMES].find((prime) => modulus % BigInt(prime) === 0n)
}
